import { extname } from 'node:path'
import { writeWhole } from '../src/connect/files/atomic.js'
import { StanflowError } from '../src/errors.js'
import { readLog } from '../src/train/log.js'
import { plotSvg } from '../src/train/plot.js'

/** Pixels of a PNG for each of the drawing's own. */
const PNG_SCALE = 2

const FORMATS = ['.svg', '.png']

/** A run's curves as a picture, drawn from its log whenever asked. @throws StanflowError USAGE_INVALID */
export function trainingPlot(path: string, log: string): () => Promise<void> {
  const format = extname(path).toLowerCase()
  if (!FORMATS.includes(format))
    throw new StanflowError('USAGE_INVALID', `--plot ${path}: a plot is an .svg or a .png`, {
      hint: 'Name a file that ends in .svg or .png, or none: plot.svg in the folder of the run.',
    })
  return async () => {
    const svg = plotSvg(readLog(log))
    await writeWhole(path, format === '.png' ? await rasterised(svg) : svg)
  }
}

async function rasterised(svg: string): Promise<Buffer> {
  const { default: sharp } = await import('sharp')
  return sharp(Buffer.from(svg), { density: 72 * PNG_SCALE })
    .png()
    .toBuffer()
}
