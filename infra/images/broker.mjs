// The tests' Kafka broker, for as long as stdin is open; says its address.
import { Broker } from '../../dist/test/support/broker.js'

const broker = await Broker.start()
console.log(broker.addresses.plain)
process.stdin.resume().once('end', async () => {
  await broker.stop()
  process.exit()
})
