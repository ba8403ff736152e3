import type { Command } from 'commander'
import { printable } from '../format.js'
import { withProgress } from './with-progress.js'

const EXAMPLES = `
Examples:
  stanflow models pull openai/clip-vit-base-patch32
  stanflow models pull openai/clip-vit-base-patch16 --revision 57c216476eefef5ab752ec549e440a49ae4ae5f3
  HF_TOKEN=hf_… stanflow models pull my-team/private-clip
  stanflow models pull openai/clip-vit-base-patch32 --endpoint https://mirror.example.com
  stanflow backfill videos/ --to out --model openai/clip-vit-base-patch32

Only what a model needs is fetched, checked by checksum, and kept in the cache: STANFLOW_CACHE, else XDG_CACHE_HOME/stanflow,
else ~/.cache/stanflow. Interrupted, the same command goes on where it stopped. STANFLOW_OFFLINE=1 uses the cache alone.
A token in HF_TOKEN stays out of the list of processes and is sent to the endpoint only.
`

interface Flags {
  readonly revision?: string
  readonly endpoint?: string
  readonly token?: string
  readonly cache?: string
  readonly json?: boolean
}

export function addPullCommand(models: Command): void {
  models
    .command('pull')
    .description('fetch a CLIP from the Hugging Face hub or a mirror into the cache')
    .argument('<model>', 'owner/name, or owner/name@revision')
    .option('--revision <commit|tag|branch>', 'what to fetch (default: main)')
    .option('--endpoint <url>', 'the hub or a mirror (default: HF_ENDPOINT, else https://huggingface.co)')
    .option('--token <token>', 'for private and gated models (default: HF_TOKEN)')
    .option(
      '--cache <folder>',
      'where models are kept (default: STANFLOW_CACHE, else the cache folder of the user)',
    )
    .option('--json', 'print what was fetched as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(model: string, { json = false, ...options }: Flags): Promise<void> {
  const { pull } = await import('../../../pipelines/models.js')
  const pulled = await withProgress({ json, verb: 'fetching' }, (hooks) => pull({ model, ...options }, hooks))
  if (pulled === undefined) return
  const { repo, commit, folder, unchanged } = pulled
  const sentence = [
    `${unchanged ? 'already here' : 'pulled'}: ${printable(repo)} at ${commit}`,
    `  ${printable(folder)}`,
    `use it with --model ${printable(options.cache === undefined ? model : folder)}`,
  ].join('\n')
  process.stdout.write(`${json ? JSON.stringify(pulled) : sentence}\n`)
}
