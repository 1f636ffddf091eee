import { parseDictionary } from './structured-dictionary.ts'

/**
 * Labels of the categories of use. `search` and `train-ai` are those of draft-ietf-aipref-vocab-07, 6.1; `ai-use` was in -02 and is the label
 * of the category "AI Use" that the working group took up again after -07. Others are ignored (6.4). In the order of the canonical text.
 */
const CATEGORIES = ['ai-use', 'search', 'train-ai'] as const
export type UsageCategory = (typeof CATEGORIES)[number]

/** What a site prefers to be done with its content: `y` allows a category of use, `n` disallows it, an absent one is unknown. */
export type UsagePreferences = { readonly [Category in UsageCategory]?: 'y' | 'n' }

/**
 * The preferences that a Content-Usage field states; several lines are joined by commas before. What is no dictionary states none, and so do
 * values other than the tokens `y` and `n`; parameters are ignored. Never throws. Cost: linear.
 * Source: draft-ietf-aipref-vocab-07 6.5, draft-ietf-aipref-attach-05 2.
 */
export function parseContentUsage(value: string): UsagePreferences {
  const stated = parseDictionary(value)
  return collect((category) => {
    const preference = stated?.get(category)
    return preference === 'y' || preference === 'n' ? preference : undefined
  })
}

/** What holds when both are stated of one page, by whomever: the most restrictive. Source: draft-ietf-aipref-vocab-07 5.1. */
export function combineUsage(a: UsagePreferences, b: UsagePreferences): UsagePreferences {
  return collect((category) => (a[category] === 'n' || b[category] === 'n' ? 'n' : (a[category] ?? b[category])))
}

/** The one text of these preferences, `search=y, train-ai=n`, empty when none is stated. parseContentUsage reads it back. */
export function serializeUsage(preferences: UsagePreferences): string {
  return CATEGORIES.flatMap((category) => (preferences[category] === undefined ? [] : [`${category}=${preferences[category]}`])).join(', ')
}

function collect(preferenceOf: (category: UsageCategory) => 'y' | 'n' | undefined): UsagePreferences {
  const preferences: { [Category in UsageCategory]?: 'y' | 'n' } = {}
  for (const category of CATEGORIES) {
    const preference = preferenceOf(category)
    if (preference !== undefined) preferences[category] = preference
  }
  return preferences
}
