import { stan } from './stan.js'
import { attendOverTime, timeAttentionShapes } from './time-attention.js'

/** STAN whose frames attend to each other. */
export const stanSelf = stan({
  name: 'stan-self',
  mark: 'temporal_fc.weight',
  shapes: timeAttentionShapes,
  mix: attendOverTime,
})
