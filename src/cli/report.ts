import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { isS3 } from '../connect/s3/uri.js'
import { formatBytes, plural, printable } from './format.js'

const EXAMPLES = `
Examples:
  stanflow report out
  stanflow report out --to /tmp/pages/report.html
`

interface Flags {
  readonly to?: string
  readonly json?: boolean
}

export function addReportCommand(program: Command): void {
  program
    .command('report')
    .description('write a page with pictures, labels and failures of what a backfill stored')
    .argument('<folder>', 'the folder or s3:// prefix that backfill was given as --to')
    .addOption(
      new Option('--to <file>', 'the page (default: report.html in the folder; here, for results in S3)'),
    )
    .option('--json', 'print what was written as JSON')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
    .action(report)
}

async function report(folder: string, { to = pageIn(folder), json }: Flags): Promise<void> {
  const { writeReport } = await import('../../pipelines/report.js')
  const written = await writeReport(folder, to)
  const { videos, clips, bytes } = written
  const sentence = `report ${printable(to)}: ${plural(videos, 'video')}, ${plural(clips, 'clip')}, ${formatBytes(bytes)}`
  process.stdout.write(`${json ? JSON.stringify({ report: to, ...written }) : sentence}\n`)
}

const pageIn = (place: string): string => (isS3(place) ? 'report.html' : join(place, 'report.html'))
