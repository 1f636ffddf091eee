/** A token bucket as its law says it: what was taken and has not come back is owed, and owed + taken may not exceed the burst. */
export class BucketModel {
  readonly queue: { readonly id: number; readonly n: number }[] = []
  msPerToken: number
  burst: number
  #owed = 0
  #at = 0
  #notBefore = 0

  constructor(msPerToken: number, burst: number) {
    this.msPerToken = msPerToken
    this.burst = burst
  }

  get owesNothing(): boolean {
    return this.#owed === 0 && this.#notBefore <= this.#at && this.queue.length === 0
  }

  /** Gives to those who wait, in their order, until `now`; returns who got it when. */
  advance(now: number): { readonly id: number; readonly at: number }[] {
    const given: { id: number; at: number }[] = []
    for (let head = this.queue[0]; head !== undefined; head = this.queue[0]) {
      const at = this.#earliest(head.n)
      if (at > now) break
      this.#comeBack(at)
      this.#owed += head.n
      this.queue.shift()
      given.push({ id: head.id, at })
    }
    this.#comeBack(now)
    return given
  }

  /** 0: taken. Else the milliseconds until it might be. */
  tryTake(n: number): number {
    const waitMs = Math.max(...[...this.queue.slice(0, 1), { n }].map(({ n }) => this.#earliest(n))) - this.#at
    if (waitMs === 0) this.#owed += n
    return waitMs
  }

  defer(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, this.#at + ms)
  }

  #earliest(n: number): number {
    const tooMuch = n <= this.burst ? this.#owed + n - this.burst : this.#owed // more than it ever holds: when it is full
    return Math.max(this.#at + Math.max(0, tooMuch) * this.msPerToken, this.#notBefore)
  }

  #comeBack(now: number): void {
    this.#owed = Math.max(0, this.#owed - (now - this.#at) / this.msPerToken)
    this.#at = now
  }
}
