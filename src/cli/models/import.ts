import { type Command, Option } from 'commander'
import { formatBytes, formatCount, plural, printable } from '../format.js'
import { withProgress } from './with-progress.js'

const EXAMPLES = `
Examples:
  stanflow models import msrvtt_stan_b32.pth --to models/stan-b32
  stanflow models import pytorch_model.bin.4 --to models/clip4clip
  stanflow models import branch_only.pth --clip ~/models/clip-vit-base-patch32 --to models/mine
  stanflow backfill videos/ --to out --model models/stan-b32

Takes safetensors (in shards too), the STAN authors' .pth, CLIP4Clip's .bin and OpenAI's .pt. PyTorch files are read as data:
nothing in them is run, and a file that asks for it is refused. Number types stay as they are.
`

interface Flags {
  readonly clip?: string
  readonly to: string
  readonly force?: boolean
  readonly json?: boolean
}

export function addImportCommand(models: Command): void {
  models
    .command('import')
    .description("make a model folder of another project's weights")
    .argument('<source>', 'a weight file, an index of shards, or a Hugging Face folder')
    .addOption(new Option('--to <folder>', 'the model folder to make').makeOptionMandatory())
    .option('--clip <folder>', 'a CLIP folder for what the source lacks: config.json, tokenizer, towers')
    .option('--force', 'replace an imported model that is there')
    .option('--json', 'print what was made as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(source: string, { clip, to, force = false, json = false }: Flags): Promise<void> {
  const { importWeights } = await import('../../../pipelines/models.js')
  const imported = await withProgress({ json, verb: 'importing' }, (hooks) =>
    importWeights({ source, clip, to, force }, hooks),
  )
  if (imported === undefined) return
  const { structure, parameters, provenance, unchanged } = imported
  if (json) {
    process.stdout.write(
      `${JSON.stringify({ folder: to, structure, parameters, unchanged, ...provenance })}\n`,
    )
    return
  }
  const files = Object.entries(provenance.files).map(([name, { tensors, bytes }]) => {
    return `  ${name}: ${plural(tensors, 'tensor')}, ${formatBytes(bytes)}`
  })
  const filled = Object.entries(provenance.filled).map(([from, names]) => {
    return `  from ${from}: ${names.length > 3 ? plural(names.length, 'tensor') : names.join(', ')}`
  })
  const lines = [
    `${unchanged ? 'already there' : 'imported'}: ${printable(to)}, CLIP with ${structure}, ${formatCount(parameters)} parameters`,
    ...files,
    `  config.json from ${provenance.config}; tokenizer: ${provenance.tokenizer}`,
    ...filled,
    ...(provenance.dropped.length === 0 ? [] : [`  left out: ${dropped(provenance.dropped)}`]),
    `use it with --model ${printable(to)}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** The first few; provenance.json has all. */
function dropped(names: readonly string[]): string {
  const more = names.length > 5 ? `, and ${names.length - 5} more (see provenance.json)` : ''
  return printable(names.slice(0, 5).join(', ')) + more
}
