import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

const infra = (path: string): string => readFileSync(join(import.meta.dirname, '../../infra', path), 'utf8')

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

/** Every query of the provisioned dashboard. */
export function dashboardQueries(): string[] {
  const { panels } = JSON.parse(infra('grafana/dashboards/warren.json')) as { panels: readonly Panel[] }
  return panels.flatMap((panel) => panel.targets?.map((target) => target.expr) ?? [])
}

/** Every expression of the alerts. */
export function ruleExpressions(): string[] {
  const { groups } = parse(infra('prometheus/rules.yml')) as { groups: readonly { readonly rules: readonly { readonly expr: string }[] }[] }
  return groups.flatMap((group) => group.rules.map((rule) => rule.expr))
}

/** The metrics that some expressions name, without what a histogram appends. */
export function metricNames(expressions: readonly string[]): Set<string> {
  return new Set(expressions.flatMap((expression) => expression.match(/\bwarren_[a-z0-9_]+|\bup\b/g) ?? []))
}
