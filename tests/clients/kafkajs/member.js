// A member of a consumer group; kafkajs polls by itself.

'use strict'

const fs = require('node:fs')

class Member {
  constructor(kafka, group, topics, path) {
    this.topic = topics
    this.out = fs.openSync(path, 'w')
    this.read = this.assignments = this.revoked = 0
    this.assigned = []
    this.positions = new Map() // partition -> the offset after what was read since it was assigned
    this.error = null
    this.consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: 10000,
      rebalanceTimeout: 10000,
      heartbeatInterval: 300,
      maxWaitTimeInMs: 100,
      allowAutoTopicCreation: false,
    })
    const { GROUP_JOIN, REBALANCING, CRASH } = this.consumer.events
    this.consumer.on(GROUP_JOIN, ({ payload }) => {
      this.revoke()
      this.assignments++
      this.assigned = Object.values(payload.memberAssignment).flat()
    })
    this.consumer.on(REBALANCING, () => this.revoke())
    this.consumer.on(CRASH, ({ payload }) => {
      if (!payload.restart) this.error = payload.error
    })
  }

  revoke() {
    this.revoked += this.assigned.length
    this.assigned = []
    this.positions.clear()
  }

  async start() {
    await this.consumer.connect()
    await this.consumer.subscribe({ topics: this.topic.split(','), fromBeginning: true })
    await this.consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, isRunning, isStale }) => {
        if (!isRunning() || isStale()) return
        fs.writeFileSync(this.out, batch.messages.map(message => format(batch.partition, message) + '\n').join(''))
        this.read += batch.messages.length
        this.positions.set(batch.partition, String(BigInt(batch.lastOffset()) + 1n))
        resolveOffset(batch.lastOffset())
        await heartbeat()
      },
    })
  }

  state() {
    if (this.error) throw this.error
    return [this.read, this.assignments, this.revoked, ...this.assigned.sort()]
  }

  async commit(metadata) {
    const topic = this.topic
    await this.consumer.commitOffsets(
      [...this.positions].map(([partition, offset]) => ({ topic, partition, offset, metadata }))
    )
  }

  async leave() {
    await this.consumer.disconnect()
    fs.closeSync(this.out)
  }
}

// A message as one line of records.
function format(partition, { offset, timestamp, key, value, headers }) {
  const pairs = Object.entries(headers || {}).flatMap(([name, values]) =>
    [values].flat().flatMap(each => [hex(Buffer.from(name)), hex(each)])
  )
  return [partition, offset, timestamp, hex(key), hex(value), ...pairs].join(' ')
}

function hex(field) {
  return field === null || field === undefined ? '-' : `x${Buffer.from(field).toString('hex')}`
}

module.exports = { Member }
