import type { Command } from 'commander'
import { addCalibrateCommand } from './calibrate.js'
import { addExportCommand } from './export.js'
import { addImportCommand } from './import.js'
import { addInfoCommand } from './info.js'
import { addListCommand } from './list.js'
import { addPullCommand } from './pull.js'
import { addVerifyCommand } from './verify.js'

const EXAMPLES = `
Examples:
  stanflow models list
  stanflow models pull openai/clip-vit-base-patch32
  stanflow models import msrvtt_stan_b32.pth --to models/stan-b32
  stanflow models import epoch_5.pth --clip ~/models/clip-vit-base-patch32 --to models/mine
  stanflow models export models/mine --format onnx --to mine.onnx
`

export function addModelsCommand(program: Command): void {
  const models = program
    .command('models')
    .description('bring models in, look at them, take them out')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXAMPLES)
  addListCommand(models)
  addInfoCommand(models)
  addPullCommand(models)
  addImportCommand(models)
  addExportCommand(models)
  addCalibrateCommand(models)
  addVerifyCommand(models)
}
