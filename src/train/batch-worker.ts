import { parentPort, workerData } from 'node:worker_threads'
import { StanflowError } from '../errors.js'
import { createTokenizer } from '../model/tokenizer.js'
import { Batches } from './batches.js'
import type { BatchQuestion, BatchWish } from './batches-ahead.js'
import { openClipSet } from './clips.js'

// TensorFlow's calls hold the thread they are made on, so batches are made on another one meanwhile.

const port = parentPort
if (port === null) throw new StanflowError('INTERNAL', 'batches are made on a worker thread only')
const { clips, pictures, tokenizer, frames, size, seed } = workerData as BatchWish
const batches = new Batches(
  { clips: openClipSet(clips), ...(pictures && { pictures: openClipSet(pictures) }) },
  createTokenizer(tokenizer, 'the tokenizer made for training'),
  { frames, size },
  seed,
)
port.on('message', ({ stage, step }: BatchQuestion) => port.postMessage(batches.of(stage, step)))
