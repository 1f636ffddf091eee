import type { CrawlConfig } from '@warren/protocol'

/** The manners of the defaults: what is not less than these needs no word. Source: docs/crawl.md. */
const DELAY_MS = 1_000
const WIDTH = 1
const ADDRESS_SLOTS = 4
const ADDRESS_SPACING_MS = 250
/** A host that answers nothing is asked again for longer than this: it is as good as never given up. */
const GIVE_UP_MS = 7 * 86_400_000

/**
 * In what a configuration is less polite than the defaults, a line each, with the value and what it means for a site. Nothing of it comes
 * about by itself: each has an option that asks for it by name.
 */
export function impoliteness(config: CrawlConfig): string[] {
  const { delayMs, hostConcurrency, addressSlots, addressSpacingMs, giveUp } = config
  const giveUpMs = Math.max(giveUp.unreachable.ms, giveUp.refusing.ms)
  return [
    ...(delayMs === 0 ? ['delay 0: requests to a host follow each other without a pause'] : []),
    ...(delayMs > 0 && delayMs < DELAY_MS ? [`delay ${seconds(delayMs)}: a host is asked up to ${perSecond(delayMs)} times a second`] : []),
    ...(hostConcurrency > WIDTH ? [`host concurrency ${hostConcurrency}: a host has up to so many requests in flight`] : []),
    ...(addressSlots === 0 ? ['address slots 0: hosts that share an address are asked as if each had a server of its own'] : []),
    ...(addressSlots > ADDRESS_SLOTS ? [`address slots ${addressSlots}: so many hosts of one address are visited at once`] : []),
    ...(addressSlots > 0 && addressSpacingMs < ADDRESS_SPACING_MS
      ? [
          addressSpacingMs === 0
            ? 'address spacing 0: hosts of one address are asked as fast as each of them allows'
            : `address spacing ${seconds(addressSpacingMs)}: an address is asked up to ${perSecond(addressSpacingMs)} times a second`,
        ]
      : []),
    ...(giveUpMs > GIVE_UP_MS
      ? [`give-up ${Math.round(giveUpMs / 86_400_000)}d: a host without an answer is asked again for so long`]
      : []),
  ]
}

const seconds = (ms: number): string => `${ms / 1_000} s`
const perSecond = (ms: number): string => String(Number((1_000 / ms).toFixed(1)))
