import type { ShutdownScope } from '@warren/async'
import { EXIT, runMain } from '@warren/service'
import { Command, CommanderError } from 'commander'
import { addCrawlCommand } from './command-crawl.ts'
import { addExplainCommand } from './command-explain.ts'
import { addHostCommands } from './command-hosts.ts'
import { addOperateCommands } from './command-operate.ts'
import { addPassCommands } from './command-passes.ts'
import { addRoleCommands } from './command-role.ts'
import { operatorOf } from './operator.ts'
import { version } from './version.ts'

/** Parses `argv` and runs the command; resolves to the exit code. Errors are runMain's to show. */
async function warren(argv: readonly string[], shutdown: ShutdownScope): Promise<number> {
  let code: number = EXIT.ok
  const exit = (value: number) => {
    code = value
  }
  const program = new Command('warren').description('A distributed web crawler: polite, durable, fast.').version(version)
  addCrawlCommand(program, shutdown, exit)
  addRoleCommands(program, shutdown, exit)
  const operator = operatorOf(program, shutdown, exit)
  addOperateCommands(operator, exit)
  addExplainCommand(operator)
  addHostCommands(operator)
  addPassCommands(operator)
  for (const command of [program, ...program.commands]) {
    const path = command === program ? 'warren' : `warren ${command.name()}`
    command.exitOverride().configureOutput({ outputError: (text, write) => write(usageLine(text, path)) })
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    // commander has written its message already; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    throw error
  }
  return code
}

/** commander's message, which may be several lines, as the one line of all our errors. */
const usageLine = (text: string, path: string): string =>
  `warren: Cannot read the command line: ${text
    .trim()
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')}; ${path} --help shows what there is\n`

await runMain((shutdown) => warren(process.argv.slice(2), shutdown))
