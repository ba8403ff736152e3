import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deleteMoments, indexModels, indexMoments } from '../../pipelines/index-moments.js'
import { openIndex } from '../../pipelines/search.js'
import { openStore } from '../../src/connect/files/store.js'
import { Bucket } from '../../src/connect/s3/bucket.js'
import { S3 } from '../../src/connect/s3/client.js'
import { RECIPE, store, video } from '../connect/files/support.js'
import { s3Server } from '../support/s3.js'

test('results in a bucket, and an index in a bucket', async () => {
  const server = await s3Server()
  const s3 = server.settings
  const client = new S3(s3)
  try {
    const name = await server.bucket()
    const [from, to] = [`s3://${name}/out`, `s3://${name}/indexes/one`]
    const results = await openStore({
      ...{ blobs: new Bucket(client, from), recipe: RECIPE, format: 'parquet' },
      ...{ checkpointSeconds: 3600, version: '0.0.0' },
    })
    await store(results, video('a.mp4'), 5)
    await store(results, video('b.mp4'), 3)
    await results.close()
    assert.equal((await indexMoments({ from, to, s3 })).added, 8)
    assert.equal((await indexMoments({ from, to, s3 })).read, 0)
    const index = await openIndex({ index: to, s3 })
    const found = await index.search({ vector: new Float32Array(RECIPE.dim).fill(1) }, { sources: ['b*'] })
    await index.close()
    assert.deepEqual([...new Set(found.map(({ source }) => source))], ['b.mp4'])
    assert.equal(await deleteMoments({ to, s3 }, { sources: ['a.mp4'] }), 5)
    assert.deepEqual(
      (await indexModels({ to, s3 })).map(({ clips }) => clips),
      [3],
    )
    await assert.rejects(openIndex({ index: `s3://${name}/nothing`, s3 }), { code: 'INDEX_MISSING' })
  } finally {
    client.close()
  }
})
