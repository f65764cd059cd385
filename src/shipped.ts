/**
 * The address of what ships beside the code, by its path from the root of the sources (`rubrics/`). A build keeps those paths under `dist/`,
 * and all its code in `dist/src/`, so that one step up from here is the root of both.
 */
export function shipped(path: string): URL {
  return new URL(`../${path}`, import.meta.url)
}
