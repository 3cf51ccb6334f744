/** Of the docs page, beside the style of Swagger UI. The address it shows is of the document made for the page only. */
export const styleSheet = `
.swagger-ui .info { margin: 32px 0 16px; }
.swagger-ui .info hgroup.main a { display: none; }
.swagger-ui .info .title small.version-stamp { background-color: #1f6f54; }
.swagger-ui .info .markdown { max-width: 60em; }
.swagger-ui .scheme-container { box-shadow: none; border-bottom: 1px solid #d8dde7; padding: 16px 0; }
`;

/** A tally, in the colour of the page. */
export const favicon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="6" fill="#1f6f54"/>
<path d="M8 8v16M13 8v16M18 8v16M23 8v16M5 21 27 11" stroke="#fff" stroke-width="2.5" stroke-linecap="round"/>
</svg>
`;
