import { mapAll } from '@warren/async'
import { explainUrl, type UrlExplanation } from '@warren/coordinator'
import type { Crawl, Frontier } from '@warren/frontier'
import { CrawlError } from '@warren/protocol'
import { colorsOf } from './colors.ts'
import { showExplanation } from './explain-text.ts'
import { namedCrawl, namesOf, type Operator, type SourceOptions } from './operator.ts'

/** Crawls asked at once; the frontier has a few connections. */
const READS_AT_ONCE = 4

type ExplainOptions = SourceOptions & { readonly crawl?: string; readonly json?: true }

/** `warren explain`: where a URL is, how it got there, which rules hold for it, what it waits for. */
export function addExplainCommand({ add, withFrontier }: Operator): void {
  add('explain', 'tell everything about one URL: where it is and why, what it waits for', { folder: true })
    .argument('<URL>', 'in any spelling; a bare host is read as https, and as http where only that is known')
    .option('--crawl <NAME>', 'in this crawl (default: the only one, or the only one that knows it)')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  warren explain https://example.org/page
  warren explain https://example.org/page --crawl docs --json
  warren explain https://example.org/page --out ./warren-out/example.org     while it crawls, or after it`,
    )
    .action((url: string, options: ExplainOptions) =>
      withFrontier(options, async (frontier) => {
        const { crawl, explanation } = await explainIn(frontier, url, options.crawl)
        const text =
          options.json === true
            ? `${JSON.stringify(explanation, null, 2)}\n`
            : showExplanation(explanation, crawl.config, colorsOf(process.stdout))
        process.stdout.write(text)
      }),
    )
}

/** Errors: ERR_INPUT_INVALID when it is not clear which crawl is meant. Cost without a name: an explanation for every crawl. */
async function explainIn(
  frontier: Frontier,
  url: string,
  name: string | undefined,
): Promise<{ crawl: Crawl; explanation: UrlExplanation }> {
  const crawls = name === undefined ? await frontier.crawls() : [await namedCrawl(frontier, name)]
  if (crawls.length === 0) throw new CrawlError('ERR_INPUT_INVALID', `Cannot explain ${url}: ${namesOf(crawls)}`)
  const [first, ...more] = await mapAll(crawls, READS_AT_ONCE, async (crawl) => ({
    crawl,
    explanation: await explainUrl(frontier, crawl, url),
  }))
  if (first === undefined) throw new TypeError('there is a crawl')
  if (more.length === 0) return first
  const knowing = [first, ...more].filter(({ explanation }) => explanation.facts?.url !== null)
  const [only, another] = knowing
  if (only !== undefined && another === undefined) return only
  const names = namesOf((knowing.length === 0 ? [first, ...more] : knowing).map(({ crawl }) => crawl))
  throw new CrawlError(
    'ERR_INPUT_INVALID',
    `Cannot explain ${url}: ${knowing.length === 0 ? 'no crawl knows it' : 'several crawls know it'}; name one with --crawl, ${names}`,
  )
}
