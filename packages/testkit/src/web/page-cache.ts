/** Rendered pages by URL, the oldest dropped first when they pass the byte limit. */
export class PageCache {
  readonly #limitBytes: number
  readonly #pages = new Map<string, Buffer>()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get(url: string, render: () => Buffer): Buffer {
    const known = this.#pages.get(url)
    if (known !== undefined) return known
    const page = render()
    this.#pages.set(url, page)
    this.#bytes += page.length
    for (const [oldest, { length }] of this.#pages) {
      if (this.#bytes <= this.#limitBytes) break
      this.#pages.delete(oldest)
      this.#bytes -= length
    }
    return page
  }
}
