import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadLibrary } from '../../../src/connect/kafka/confluent/library.js'
import { contract } from './contract.js'

contract('confluent')

test('a library that is not installed is told, with what to do', async () => {
  await assert.rejects(loadLibrary('@confluentinc/not-there'), {
    code: 'CLIENT_MISSING',
    hint: /npm install.*--kafka-client kafkajs/,
  })
})
