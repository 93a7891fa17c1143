/** The routes of a server, to tell a wrong method (405) from a wrong path (404). */
export class KnownRoutes {
  private readonly routes: { pattern: RegExp; methods: string[] }[] = [];

  /** `path` with parameters as `:name`. */
  add(path: string, methods: string[]): void {
    const source = path
      .split('/')
      .map((part) => (part.startsWith(':') ? '[^/]+' : escape(part)))
      .join('/');
    this.routes.push({ pattern: new RegExp(`^${source}$`), methods });
  }

  /** The methods that the path of a request is there for; empty when there is none. */
  methodsOf(path: string): string[] {
    const methods = this.routes.filter(({ pattern }) => pattern.test(path)).flatMap((route) => route.methods);
    return [...new Set(methods)].toSorted();
  }
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
