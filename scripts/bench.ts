/** `npm run bench [-- NAME] [options]`: the first word names the bench; without one it is the crawl's. */
const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  crawl: () => import('../bench/crawl.ts'),
  async: () => import('../bench/async/main.ts'),
  frontier: () => import('../bench/frontier/main.ts'),
  churn: () => import('../bench/frontier/churn.ts'),
  layouts: () => import('../bench/frontier/layouts.ts'),
}

const USAGE = `npm run bench                      pages a second of Warren on the synthetic web, embedded and distributed; some minutes
  --pages N      pages in all (default 2000)        --hosts N    hosts (default 4)
  --latency MS   of the web, several times for more (default 0 and 50)
  --mode MODE    embedded or distributed (default both)
  --out FILE     where the results go (default bench/results/crawl.json)

npm run bench -- async             @warren/async beside p-limit, p-queue, Effect and others that do the same; half an hour
  --only NAME    cases whose name contains NAME, several times for more; the results are printed only
  --runs N       rounds, each with a fresh process per library (default 5)
  --out FILE     where the results go (default bench/results/async.json, if all cases run)
  --list         the cases and who takes part in each; runs nothing
  --write        puts the results of the file into bench/async/README.md; runs nothing

npm run bench -- frontier          admit, claim and settle at 0.1, 1 and 10 million URLs; some hours and 7 GB with all of them
  --urls N[@HOSTS] --coordinators N --setup embedded|cluster|cluster-1GB    only these, several times for more; a host has 100 URLs
  --seconds N    length of a phase (default 20)     --warm N     seconds before the first one (default 0)
  --out FILE     where the results go (default bench/results/frontier.json)

npm run bench -- churn             whether the frontier's tables grow by more than what they hold; --minutes N (default 20)
  --urls N --hosts N --coordinators N --setup SETUP     a crawl of 100000 URLs on 1000 hosts, 2 coordinators, cluster
  --out FILE     where the results go (default bench/results/churn.json)

npm run bench -- layouts           the frontier's tables beside other layouts of them; a quarter of an hour and 5 GB each at 10 million URLs
  --layouts NAME --urls N --buffers SIZE                only these, several times for more
  --out FILE     where the results go (default bench/results/layouts.json)`

const [first = ''] = process.argv.slice(2)
const isNamed = first !== '' && !first.startsWith('-')
if (process.argv.includes('--help')) console.log(USAGE)
else if (isNamed && BENCHES[first] === undefined) {
  console.error(`Cannot run the bench ${first}: there are ${Object.keys(BENCHES).join(', ')}\n\n${USAGE}`)
  process.exitCode = 2
} else {
  if (isNamed) process.argv.splice(2, 1)
  try {
    await BENCHES[isNamed ? first : 'crawl']?.()
  } catch (error) {
    if (!isWrongUse(error)) throw error
    console.error(`${error.message}\n\n${USAGE}`)
    process.exitCode = 2
  }
}

/** An option that does not exist or has a value that makes no sense; npm keeps options for itself where `--` is missing. */
function isWrongUse(error: unknown): error is Error {
  return error instanceof RangeError || (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
}
