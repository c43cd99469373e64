// The commands about configs, partitions and the cluster; kafkajs has no IncrementalAlterConfigs and no log dirs.

'use strict'

const { ConfigResourceTypes, ConfigSource } = require('kafkajs')

const TYPES = { topic: ConfigResourceTypes.TOPIC, broker: ConfigResourceTypes.BROKER }

module.exports = admin => ({
  async configs(kind, name) {
    const { resources } = await admin.describeConfigs({ resources: [{ type: TYPES[kind], name }] })
    return resources[0].configEntries.map(({ configName, configSource, configValue }) => {
      const source = Object.keys(ConfigSource).find(each => ConfigSource[each] === configSource)
      return `${configName}:${source === 'TOPIC_CONFIG' ? 'DYNAMIC_TOPIC_CONFIG' : source}:${configValue}`
    })
  },

  async replace(kind, name, ...configs) {
    const configEntries = configs.map(config => {
      const [key, ...value] = config.split('=')
      return { name: key, value: value.join('=') }
    })
    await admin.alterConfigs({ resources: [{ type: TYPES[kind], name, configEntries }] })
  },

  async grow(topic, count) {
    await admin.createPartitions({ topicPartitions: [{ topic, count: Number(count) }] })
  },

  async 'delete-records'(topic, partition, offset) {
    await admin.fetchTopicMetadata({ topics: [topic] }) // it looks for the leader in what it has at hand
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: Number(partition), offset }] })
  },

  async cluster() {
    const { clusterId, controller, brokers } = await admin.describeCluster()
    return [clusterId, controller, ...brokers.map(({ nodeId, host, port }) => `${nodeId}:${host}:${port}`)]
  },
})
