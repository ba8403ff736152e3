// A process of its own: computes one product on the graphics card, and ends with 0 where that works.
import { loadLibrary } from './library.js'

const tf = loadLibrary('@tensorflow/tfjs-node-gpu', { device: 'cuda' })
const { isUsingGpuDevice } = tf.backend() as unknown as { isUsingGpuDevice: boolean }
const [sum] = tf.matMul(tf.ones([2, 8]), tf.ones([8, 2])).dataSync()
if (!isUsingGpuDevice || sum !== 8) {
  process.stderr.write(
    isUsingGpuDevice ? `it computes ${sum} where 8 is right\n` : 'it finds no card it can use\n',
  )
  process.exitCode = 1
}
