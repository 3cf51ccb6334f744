/** Whether the header (RFC 9110 §12.5.3) takes gzip at least as gladly as no encoding at all. */
export function acceptsGzip(header = ''): boolean {
  const weights = new Map<string, number>();
  for (const item of header.toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
    weights.set(coding, Number(weight));
  }
  const gzip = weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0;
  // Where identity is not mentioned it may be sent, but is not asked for.
  return gzip > 0 && gzip >= (weights.get('identity') ?? 0);
}
