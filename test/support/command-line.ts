import type { Command } from 'commander'
import { stanflowProgram } from '../../src/cli/program.js'
import { resolveConfig } from '../../src/config/resolve.js'
import { CONFIG_KEYS, type Config } from '../../src/config/schema.js'

/**
 * Reads a command line as stanflow does, flags, arguments and environment, and runs nothing.
 * @throws CommanderError or StanflowError where stanflow would end with 2
 */
export async function readCommandLine(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly command: string; readonly config: Config }> {
  const read: Command[] = []
  const program = stanflowProgram()
  const disarm = (command: Command): void => {
    command.action((...given) => {
      read.push(given.at(-1) as Command)
    })
    command.exitOverride()
    command.commands.forEach(disarm)
  }
  program.commands.forEach(disarm)
  await program.parseAsync([...args], { from: 'user' })
  const [command] = read
  if (command === undefined) throw new Error(`no command in: ${args.join(' ')}`)
  // A flag of the command's own may be called like a setting: it is none that the schema describes.
  const own = new Set(command.options.filter(isOwn).map((option) => option.attributeName()))
  const flags = Object.fromEntries(Object.entries(command.opts()).filter(([name]) => !own.has(name)))
  const { config } = await resolveConfig({ flags, env, cwd: '/nowhere' })
  return { command: command.name(), config }
}

/** Settings' options say what the schema says of them. */
function isOwn({ description, long }: Command['options'][number]): boolean {
  const key = CONFIG_KEYS.find(({ flag }) => flag === long?.replace(/^--no-/, '--'))
  return key === undefined || !(description === '' || description.startsWith(key.about))
}
