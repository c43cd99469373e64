package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// member is a member of a consumer group, polled by a goroutine of its own.
type member struct {
	client  *kgo.Client
	group   string
	topic   string
	ended   chan struct{}
	mu      sync.Mutex // of all that follows
	current map[int32]bool
	// The offset after what was read of each partition since it was assigned.
	positions                  map[int32]kgo.EpochOffset
	read, assignments, revoked int
	err                        error
}

func (a *adapter) join(group, topics, path string, options []string) error {
	m := &member{
		group:     group,
		topic:     topics,
		ended:     make(chan struct{}),
		current:   map[int32]bool{},
		positions: map[int32]kgo.EpochOffset{},
	}
	config := []kgo.Opt{
		kgo.SeedBrokers(a.bootstrap),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(strings.Split(topics, ",")...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(10 * time.Second),
		kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.OnPartitionsAssigned(m.onAssigned),
		kgo.OnPartitionsRevoked(m.onRevoked),
		kgo.OnPartitionsLost(m.onRevoked),
	}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "instance":
			config = append(config, kgo.InstanceID(value))
		case "session":
			config = append(config, kgo.SessionTimeout(time.Duration(number(value))*time.Millisecond))
		case "assignor": // what it does anyway
			config = append(config, kgo.Balancers(kgo.CooperativeStickyBalancer()))
		}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	// The callbacks may come before NewClient returns; they do not use the client.
	if m.client, err = kgo.NewClient(config...); err != nil {
		return err
	}
	a.member = m
	go m.poll(file)
	return nil
}

func (m *member) poll(file *os.File) {
	defer close(m.ended)
	defer file.Close()
	out := bufio.NewWriter(file)
	for {
		fetches := m.client.PollFetches(context.Background())
		if fetches.IsClientClosed() {
			return
		}
		m.mu.Lock()
		for _, failed := range fetches.Errors() {
			// It says that it could not join, and tries again.
			if group := (*kgo.ErrGroupSession)(nil); !errors.As(failed.Err, &group) {
				m.err = failed.Err
			}
		}
		for _, record := range fetches.Records() {
			fmt.Fprintln(out, format(record))
			m.positions[record.Partition] = kgo.EpochOffset{Epoch: record.LeaderEpoch, Offset: record.Offset + 1}
			m.read++
		}
		out.Flush()
		m.mu.Unlock()
	}
}

func (m *member) onAssigned(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.assignments++
	for _, partitions := range assigned {
		for _, partition := range partitions {
			m.current[partition] = true
		}
	}
}

func (m *member) onRevoked(_ context.Context, _ *kgo.Client, revoked map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, partitions := range revoked {
		m.revoked += len(partitions)
		for _, partition := range partitions {
			delete(m.current, partition)
			delete(m.positions, partition)
		}
	}
}

func (m *member) state() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	answer := []string{strconv.Itoa(m.read), strconv.Itoa(m.assignments), strconv.Itoa(m.revoked)}
	var partitions []int32
	for partition := range m.current {
		partitions = append(partitions, partition)
	}
	return append(answer, sorted(partitions)...), m.err
}

func (m *member) commit(ctx context.Context, metadata string) error {
	m.mu.Lock()
	offsets := map[int32]kgo.EpochOffset{}
	for partition, offset := range m.positions {
		offsets[partition] = offset
	}
	m.mu.Unlock()
	ctx = kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
		for t := range request.Topics {
			for p := range request.Topics[t].Partitions {
				request.Topics[t].Partitions[p].Metadata = &metadata
			}
		}
		return nil
	})
	var failed error
	all := map[string]map[int32]kgo.EpochOffset{m.topic: offsets}
	m.client.CommitOffsetsSync(ctx, all, func(
		_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error,
	) {
		failed = err
		if err == nil {
			failed = commitError(response)
		}
	})
	return failed
}

// commitAs commits offset 0 of partition 0 in the name of a member and a generation: `own` for the right ones.
func (m *member) commitAs(ctx context.Context, memberID, generation string) error {
	request := kmsg.NewPtrOffsetCommitRequest()
	request.Group = m.group
	request.MemberID, request.Generation = m.client.GroupMetadata()
	if memberID != "own" {
		request.MemberID = memberID
	}
	if generation != "own" {
		request.Generation = int32(number(generation))
	}
	topic := kmsg.NewOffsetCommitRequestTopic()
	topic.Topic = m.topic
	topic.Partitions = append(topic.Partitions, kmsg.NewOffsetCommitRequestTopicPartition())
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, m.client)
	if err != nil {
		return err
	}
	return commitError(response)
}

func commitError(response *kmsg.OffsetCommitResponse) error {
	for _, topic := range response.Topics {
		for _, partition := range topic.Partitions {
			if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
				return err
			}
		}
	}
	return nil
}

// heartbeatAs sends a heartbeat as commitAs commits.
func (m *member) heartbeatAs(ctx context.Context, memberID, generation string) error {
	request := kmsg.NewPtrHeartbeatRequest()
	request.Group = m.group
	request.MemberID, request.Generation = m.client.GroupMetadata()
	if memberID != "own" {
		request.MemberID = memberID
	}
	if generation != "own" {
		request.Generation = int32(number(generation))
	}
	response, err := request.RequestWith(ctx, m.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.ErrorCode)
}

func (m *member) leave(ctx context.Context) error {
	err := m.client.LeaveGroupContext(ctx)
	m.client.Close()
	select {
	case <-m.ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *adapter) committed(ctx context.Context, group, topic string) ([]string, error) {
	found, err := a.admin.FetchOffsets(ctx, group)
	if err != nil {
		return nil, err
	}
	var answer []string
	found.Each(func(at kadm.OffsetResponse) {
		if at.Topic == topic && at.At >= 0 {
			answer = append(answer, fmt.Sprintf("%d:%d:%s", at.Partition, at.At, at.Metadata))
		}
	})
	return answer, found.Error()
}

func (a *adapter) describeGroup(ctx context.Context, group string) ([]string, error) {
	groups, err := a.admin.DescribeGroups(ctx, group)
	if err != nil {
		return nil, err
	}
	found, ok := groups[group]
	if !ok {
		return nil, errors.New("the group is not in the answer")
	}
	if found.Err != nil {
		return nil, found.Err
	}
	var partitions []int32
	for _, topic := range found.AssignedPartitions() {
		for partition := range topic {
			partitions = append(partitions, partition)
		}
	}
	return append([]string{found.State, strconv.Itoa(len(found.Members))}, sorted(partitions)...), nil
}

func sorted(partitions []int32) []string {
	sort.Slice(partitions, func(i, j int) bool { return partitions[i] < partitions[j] })
	var texts []string
	for _, partition := range partitions {
		texts = append(texts, strconv.Itoa(int(partition)))
	}
	return texts
}
