import { Command } from 'commander'
import { VERSION } from '../version.js'
import { addAblateCommand } from './ablate.js'
import { addAlertsCommand } from './alerts.js'
import { addArchiveCommand } from './archive.js'
import { addBackfillCommand } from './backfill.js'
import { addConfigCommand } from './config.js'
import { addConsumeCommand } from './consume.js'
import { addDemoCommand } from './demo.js'
import { addDoctorCommand } from './doctor.js'
import { addEvaluateCommand } from './evaluate.js'
import { addHealthCommand } from './health.js'
import { addIndexCommand } from './index-moments.js'
import { addIngestCommand } from './ingest.js'
import { addModelsCommand } from './models/models.js'
import { addReportCommand } from './report.js'
import { addResultEventsCommand } from './result-events.js'
import { addRetryCommand } from './retry.js'
import { addRulesCommand } from './rules.js'
import { addScenesCommand } from './scenes.js'
import { addSearchCommand } from './search.js'
import { addServeCommand } from './serve.js'
import { addSubmitCommand } from './submit.js'
import { addTailCommand } from './tail.js'
import { addTopicsCommand } from './topics.js'
import { addTrainCommand } from './train.js'

const EXAMPLES = `
Examples:
  stanflow demo
  stanflow backfill videos/ --to out --labels "a cat, a dog" --report out/report.html
  stanflow backfill "archive/**/*.mp4" --to out --sample window --window 4s --stride 2s
  stanflow topics create && stanflow submit videos/ && stanflow consume
  stanflow index --from out --to index && stanflow search "a red ball falls" --index index
  stanflow serve out
  stanflow ingest rtsp://10.0.0.5/cam1 --to - --labels "a person falls, an empty room"
  stanflow doctor
  stanflow config print

Exit status: 0 done, 1 failed, 2 wrong usage or configuration. STANFLOW_DEBUG=1 shows stacks.
`

/** The command line: every command with its options, not parsed yet. */
export function stanflowProgram(): Command {
  const program = new Command('stanflow')
    .description('Turns video into searchable meaning: labelled clip embeddings by CLIP with STAN.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText('after', EXAMPLES)
    .configureOutput({ outputError: () => {} })
    .exitOverride()
  addBackfillCommand(program)
  addReportCommand(program)
  addResultEventsCommand(program)
  addConfigCommand(program)
  addDemoCommand(program)
  addDoctorCommand(program)
  addHealthCommand(program)
  addModelsCommand(program)
  addScenesCommand(program)
  addEvaluateCommand(program)
  addTrainCommand(program)
  addIngestCommand(program)
  addAblateCommand(program)
  addTopicsCommand(program)
  addSubmitCommand(program)
  addConsumeCommand(program)
  addRulesCommand(program)
  addArchiveCommand(program)
  addTailCommand(program)
  addRetryCommand(program)
  addIndexCommand(program)
  addSearchCommand(program)
  addServeCommand(program)
  addAlertsCommand(program)
  return program
}
