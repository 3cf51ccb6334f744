import { type ResourceLimits, Worker } from 'node:worker_threads';

/**
 * Runs a module in a thread of its own.
 * @param module without its extension, which is that of this module: JavaScript, or TypeScript where it was not built
 * @param resourceLimits of its heap
 */
export function startWorker(module: URL, workerData: unknown, resourceLimits: ResourceLimits = {}): Worker {
  const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
  const url = module.href + extension;
  if (extension === '.js') return new Worker(new URL(url), { workerData, resourceLimits });
  // What makes this process read TypeScript does not reach its threads, so the thread sees to it by itself.
  const script = `import('tsx/esm/api').then(({ tsImport }) => tsImport('${url}', '${url}'))`;
  return new Worker(script, { eval: true, execArgv: [], workerData, resourceLimits });
}
