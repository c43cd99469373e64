// kafkajs under test; the commands are described in harness/adapter.py. It has no manual assignment: it reads by group.
// By hand: NODE_PATH=.../node_modules node adapter.js 127.0.0.1:9092, then type `topics`.

'use strict'

const fs = require('node:fs')
const readline = require('node:readline')
const lz4 = require('lz4-napi')
const { AssignerProtocol, CompressionCodecs, CompressionTypes, Kafka, Partitioners, logLevel } = require('kafkajs')
const snappy = require('kafkajs-snappy')
const { ZstdCodec } = require('zstd-codec')
const adminVerbs = require('./admin')
const { Member } = require('./member')

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
}
const ACKS = { all: -1, 1: 1, 0: 0 }
const CHUNK = 200 // records in one send, which is one batch, unless its size is given

// kafkajs reports on stdout, where our answers go.
const logCreator = () => ({ namespace, level, log }) => console.error(level, namespace, log.message, log.error || '')
// It retries where other clients report, from 300 ms on; from 50 ms on that takes 2 s in all instead of 12.
const retry = { initialRetryTime: 50 }
const kafka = new Kafka({ brokers: [process.argv[2]], retry, logLevel: logLevel.WARN, logCreator })
const admin = kafka.admin()
let member

const verbs = {
  ...adminVerbs(admin),

  async create(topic, partitions, ...configs) {
    const configEntries = configs.map(config => {
      const [name, ...value] = config.split('=')
      return { name, value: value.join('=') }
    })
    const numPartitions = Number(partitions)
    const created = await admin.createTopics({ topics: [{ topic, numPartitions, configEntries }] })
    // kafkajs answers false, instead of an error, when the topic exists.
    if (!created) throw Object.assign(new Error('topic exists'), { code: 36 })
  },

  async delete(topic) {
    await admin.deleteTopics({ topics: [topic] })
  },

  topics() {
    return admin.listTopics()
  },

  async partitions(topic) {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return [topics[0].partitions.length]
  },

  // One send after the other: a second one at the same time would take the sequence number of one that failed.
  async produce(topic, codec, acks, path, bytes) {
    const records = fs.readFileSync(path, 'utf8').trimEnd().split('\n').map(parse)
    const idempotent = process.env.IDEMPOTENT === '1' && acks === 'all'
    const producer = kafka.producer({ idempotent, createPartitioner: Partitioners.DefaultPartitioner })
    await producer.connect()
    let last = -1
    try {
      for (const messages of chunks(records, bytes)) {
        const [sent] = await producer.send({ topic, messages, acks: ACKS[acks], compression: CODECS[codec] })
        if (sent) last = Number(sent.baseOffset) + messages.length - 1
      }
    } finally {
      await producer.disconnect()
    }
    return [last]
  },

  async offset(topic, partition, which) {
    const ofPartition = list => list.find(entry => entry.partition === Number(partition))
    if (which === 'earliest') return [ofPartition(await admin.fetchTopicOffsets(topic)).low]
    if (which === 'latest') return [ofPartition(await admin.fetchTopicOffsets(topic)).high]
    const { offset } = ofPartition(await admin.fetchTopicOffsetsByTimestamp(topic, Number(which)))
    // kafkajs turns "no such timestamp" into the end offset.
    return [offset === ofPartition(await admin.fetchTopicOffsets(topic)).high ? -1 : offset]
  },

  async join(group, topics, path) {
    member = new Member(kafka, group, topics, path)
    await member.start()
  },

  member() {
    return member.state()
  },

  async commit(metadata) {
    await member.commit(metadata)
  },

  async leave() {
    await member.leave()
  },

  async committed(groupId, topic) {
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] })
    const found = partitions.filter(({ offset }) => Number(offset) >= 0)
    return found.map(({ partition, offset, metadata }) => `${partition}:${offset}:${metadata || ''}`)
  },

  async groups() {
    const { groups } = await admin.listGroups()
    return groups.map(({ groupId }) => groupId)
  },

  async 'describe-group'(group) {
    const { groups } = await admin.describeGroups([group])
    const { state, members } = groups[0]
    const assignments = members.map(each => AssignerProtocol.MemberAssignment.decode(each.memberAssignment))
    const partitions = assignments.flatMap(each => (each ? Object.values(each.assignment).flat() : []))
    return [state, members.length, ...partitions.sort()]
  },

  async 'delete-group'(group) {
    await admin.deleteGroups([group])
  },
}

function chunks(records, bytes) {
  const chunks = [[]]
  let size = 0
  for (const record of records) {
    const isFull = bytes ? size >= bytes : chunks.at(-1).length >= CHUNK
    if (isFull) chunks.push([])
    size = (isFull ? 0 : size) + (record.key?.length || 0) + (record.value?.length || 0)
    chunks.at(-1).push(record)
  }
  return chunks
}

// One line of records, as kafkajs wants it.
function parse(line) {
  const [partition, , timestamp, key, value, ...rest] = line.split(' ')
  const headers = {}
  for (let i = 0; i < rest.length; i += 2) {
    const name = unhex(rest[i]).toString()
    headers[name] = (headers[name] || []).concat([unhex(rest[i + 1])])
  }
  return { partition: Number(partition), timestamp, key: unhex(key), value: unhex(value), headers }
}

function unhex(field) {
  return field === '-' ? null : Buffer.from(field.slice(1), 'hex')
}

async function main() {
  const zstd = await new Promise(resolve => ZstdCodec.run(resolve))
  const simple = new zstd.Simple()
  const streaming = new zstd.Streaming() // as opposed to simple, it can do frames that do not tell their size
  CompressionCodecs[CompressionTypes.Snappy] = snappy
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: encoder => lz4.compressFrame(encoder.buffer),
    decompress: buffer => lz4.decompressFrame(buffer),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async encoder => Buffer.from(simple.compress(encoder.buffer)),
    decompress: async buffer => Buffer.from(streaming.decompress(buffer)),
  })
  await admin.connect()
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [verb, ...args] = line.split('\t')
    try {
      console.log(['ok', ...((await verbs[verb](...args)) || [])].join('\t'))
    } catch (error) {
      console.error(error)
      const { errors, groups, partitions } = error.cause?.partitions ? error.cause : error
      const causes = errors || (groups || partitions || []).map(each => each.error)
      const cause = causes[0] || error.cause || error
      const code = Math.max(Number(cause.code) || 0, 0)
      console.log(['error', code, String(cause.message).replace(/\s+/g, ' ')].join('\t'))
    }
  }
  await admin.disconnect()
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
