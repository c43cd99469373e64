// A test's own broker: started, used by a stock client, and gone with the test.

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const readline = require('node:readline')
const { Kafka, logLevel } = require('kafkajs')

async function startBroker(...topics) {
  const options = ['--ephemeral', '--exit-with-parent', '--listen', '127.0.0.1:0']
  const program = process.env.SENDLOG || 'sendlog'
  const broker = spawn(program, [...options, ...topics.flatMap((topic) => ['--topic', topic])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await once(readline.createInterface({ input: broker.stdout }), 'line')
  const stop = async () => {
    const ended = once(broker, 'exit')
    broker.kill()
    await ended
  }
  return { address: line.replace('listening on ', ''), stop }
}

async function main() {
  const broker = await startBroker('orders:1')
  const kafka = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic: 'orders', messages: [{ value: 'hello from Node' }] })
  await producer.disconnect()
  const consumer = kafka.consumer({ groupId: 'test' })
  await consumer.connect()
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true })
  const message = await new Promise((resolve) => {
    consumer.run({ eachMessage: async ({ message }) => resolve(message) })
  })
  console.log(message.value.toString())
  await consumer.disconnect()
  await broker.stop()
}

main()
