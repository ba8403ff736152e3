import { parseArgs } from 'node:util'
import { countFlops, fullCount } from '../../src/model/flops.js'
import { openModel, openStandIn } from '../../src/model/load.js'
import { PUBLISHED_COSTS, PUBLISHED_VIEWS } from '../../src/model/published.js'
import { STRUCTURE_NAMES } from '../../src/model/temporal/structures.js'
import { table } from './table.js'

// What models cost by counting, beside what the paper says: npm run bench:flops [-- --frames 12]

const { values: flags } = parseArgs({ options: { frames: { type: 'string', default: '12' } } })
const frames = Number(flags.frames)
const giga = (value: number): number => value / 1e9
const percent = (ours: number, theirs: number): string =>
  `${ours >= theirs ? '+' : ''}${((ours / theirs - 1) * 100).toFixed(1)} %`

console.log(`The paper's models: CLIP ViT-B/16, ${PUBLISHED_VIEWS} views, 10⁹ multiply-accumulates\n`)
console.log(
  table(
    PUBLISHED_COSTS.map(({ structure, depth, frames: T, gflops }) => {
      const config = { vision_config: { patch_size: 16 } }
      const { clip } = countFlops(openStandIn('vit-b-16', structure, { config, depth }), T)
      const linear = PUBLISHED_VIEWS * giga(clip.linear)
      return {
        structure,
        depth,
        frames: T,
        published: gflops,
        'linear layers': linear,
        difference: percent(linear, gflops),
        'with attention': PUBLISHED_VIEWS * giga(fullCount(clip)),
      }
    }),
  ),
)
console.log(
  "\nSTAN-self's published figures are its linear layers. STAN-conv's are far above what its formula in the paper comes to," +
    '\nUp(GELU(Conv3D(Down(Y)))) + Y at an eighth of the width; no definition of the layer has been released.\n',
)

console.log(`Every structure, one view of ${frames} frames, 10⁹\n`)
console.log(
  table(
    ['random:vit-b-32', 'random:vit-b-16', 'random:vit-l-14'].flatMap((model) =>
      STRUCTURE_NAMES.map((structure) => {
        const { frame, clip } = countFlops(openModel({ model, structure }), frames)
        return {
          model: model.replace('random:', ''),
          structure,
          'frame: linear': giga(frame.linear),
          'with attention': giga(fullCount(frame)),
          'clip: linear': giga(clip.linear),
          'clip, with attention': giga(fullCount(clip)),
          'values of the rest': giga(clip.rest),
        }
      }),
    ),
  ),
)
