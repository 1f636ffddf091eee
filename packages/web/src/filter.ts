import { RE2JS } from 're2js'

/** What an operator's expressions say about a URL; `rule` names the one that refused it. */
export type FilterVerdict = { readonly allowed: true } | { readonly allowed: false; readonly rule: string }

const ALLOWED: FilterVerdict = { allowed: true }
const NOT_INCLUDED: FilterVerdict = { allowed: false, rule: 'include: none matches' }

/**
 * A test by unanchored RE2 expressions: exclude wins, no include means all.
 * Errors: SyntaxError that names the expression and what is wrong with it.
 * Cost: linear in the URL for every expression (RE2 never backtracks), so expressions may come from anyone.
 */
export function compileFilter(expressions: { include: readonly string[]; exclude: readonly string[] }): (url: string) => FilterVerdict {
  const include = expressions.include.map((expression) => compile('include', expression))
  const exclude = expressions.exclude.map((expression) => ({
    re: compile('exclude', expression),
    verdict: { allowed: false, rule: `exclude: ${expression}` } as const,
  }))
  return (url) => {
    for (const { re, verdict } of exclude) if (re.test(url)) return verdict
    return include.length === 0 || include.some((re) => re.test(url)) ? ALLOWED : NOT_INCLUDED
  }
}

/**
 * The priority of a URL: that of the first of these unanchored RE2 expressions that is found in it, otherwise 0.
 * Errors and cost as `compileFilter`.
 */
export function compilePriorities(rules: readonly { match: string; priority: number }[]): (url: string) => number {
  const compiled = rules.map(({ match, priority }) => ({ re: compile('priority', match), priority }))
  return (url) => compiled.find(({ re }) => re.test(url))?.priority ?? 0
}

function compile(kind: string, expression: string): RE2JS {
  try {
    return RE2JS.compile(expression)
  } catch (cause) {
    throw new SyntaxError(`Cannot compile ${kind} expression ${JSON.stringify(expression)}: ${reason(cause)}`, { cause })
  }
}

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
