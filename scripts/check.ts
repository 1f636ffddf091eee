import { turbo } from './checks.ts'

/** `npm run check`: all that needs no service. */
process.exitCode = await turbo('types', 'lint', 'layers', 'unused', 'lock', 'unit')
