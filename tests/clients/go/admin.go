package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

func (a *adapter) configs(ctx context.Context, kind, name string) ([]string, error) {
	describe := a.admin.DescribeTopicConfigs
	if kind == "broker" {
		describe = func(ctx context.Context, _ ...string) (kadm.ResourceConfigs, error) {
			return a.admin.DescribeBrokerConfigs(ctx, int32(number(name)))
		}
	}
	found, err := describe(ctx, name)
	if err != nil {
		return nil, err
	}
	resource, err := found.On(name, nil)
	if err != nil {
		return nil, err
	}
	var answer []string
	for _, config := range resource.Configs {
		answer = append(answer, fmt.Sprintf("%s:%s:%s", config.Key, config.Source, config.MaybeValue()))
	}
	return answer, resource.Err
}

// alter changes the keys that are named; with replaces, all others go back to their defaults.
func (a *adapter) alter(ctx context.Context, kind, name string, changes []string, replaces bool) error {
	var configs []kadm.AlterConfig
	for _, change := range changes {
		key, value, sets := strings.Cut(change, "=")
		config := kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key}
		if sets {
			config.Op, config.Value = kadm.SetConfig, &value
		}
		configs = append(configs, config)
	}
	var answer kadm.AlterConfigsResponses
	var err error
	switch {
	case kind == "broker" && replaces:
		answer, err = a.admin.AlterBrokerConfigsState(ctx, configs, int32(number(name)))
	case kind == "broker":
		answer, err = a.admin.AlterBrokerConfigs(ctx, configs, int32(number(name)))
	case replaces:
		answer, err = a.admin.AlterTopicConfigsState(ctx, configs, name)
	default:
		answer, err = a.admin.AlterTopicConfigs(ctx, configs, name)
	}
	if err != nil {
		return err
	}
	_, err = answer.On(name, func(altered *kadm.AlterConfigsResponse) error { return altered.Err })
	return err
}

func (a *adapter) grow(ctx context.Context, topic string, count int) error {
	grown, err := a.admin.UpdatePartitions(ctx, count, topic)
	if err != nil {
		return err
	}
	return grown.Error()
}

func (a *adapter) deleteRecords(ctx context.Context, topic string, partition int32, offset int64) error {
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, offset, -1)
	deleted, err := a.admin.DeleteRecords(ctx, offsets)
	if err != nil {
		return err
	}
	return deleted.Error()
}

func (a *adapter) logDirs(ctx context.Context, topic string) ([]string, error) {
	brokers, err := a.admin.DescribeAllLogDirs(ctx, nil)
	var answer []string
	for _, dir := range brokers.Sorted() {
		for partition, found := range dir.Topics[topic] {
			answer = append(answer, fmt.Sprintf("%d:%d", partition, found.Size))
		}
	}
	return answer, err
}

func (a *adapter) cluster(ctx context.Context) ([]string, error) {
	found, err := a.admin.BrokerMetadata(ctx)
	answer := []string{found.Cluster, strconv.Itoa(int(found.Controller))}
	for _, broker := range found.Brokers {
		answer = append(answer, fmt.Sprintf("%d:%s:%d", broker.NodeID, broker.Host, broker.Port))
	}
	return answer, err
}
