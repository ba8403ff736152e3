// Makes the bucket that it is given where it is missing: stanflow itself makes none. Run in the folder that stanflow is installed in.
import { createRequire } from 'node:module'
import { join } from 'node:path'

const { CreateBucketCommand, HeadBucketCommand, S3Client } = createRequire(
  join(process.cwd(), 'package.json'),
)('@aws-sdk/client-s3')
const [Bucket] = process.argv.slice(2)
const client = new S3Client({ forcePathStyle: true })
try {
  await client.send(new HeadBucketCommand({ Bucket }))
  console.log(`the bucket ${Bucket} is there`)
} catch {
  await client.send(new CreateBucketCommand({ Bucket }))
  console.log(`made the bucket ${Bucket}`)
}
