// franz-go under test; the commands are described in harness/adapter.py.
// By hand: go run . 127.0.0.1:9092, then type `topics`.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const readLimit = 30 * time.Second

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var acksByName = map[string]kgo.Acks{"all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck()}

type adapter struct {
	bootstrap string
	admin     *kadm.Client
	member    *member
	churn     *churn
}

func main() {
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Args[1]))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer client.Close()
	a := adapter{bootstrap: os.Args[1], admin: kadm.NewClient(client)}
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		fields := strings.Split(commands.Text(), "\t")
		ctx, cancel := context.WithTimeout(context.Background(), readLimit)
		answer, err := a.obey(ctx, fields[0], fields[1:])
		cancel()
		if err != nil {
			answer = []string{"error", strconv.Itoa(code(err)), strings.Join(strings.Fields(err.Error()), " ")}
		} else {
			answer = append([]string{"ok"}, answer...)
		}
		fmt.Println(strings.Join(answer, "\t"))
	}
}

func (a *adapter) obey(ctx context.Context, verb string, args []string) ([]string, error) {
	switch verb {
	case "create":
		return nil, a.create(ctx, args[0], args[1], args[2:])
	case "delete":
		_, err := a.admin.DeleteTopic(ctx, args[0])
		return nil, err
	case "topics":
		return a.topics(ctx)
	case "partitions":
		partitions, err := a.partitions(ctx, args[0])
		return []string{strconv.Itoa(len(partitions))}, err
	case "produce":
		return a.produce(ctx, args[0], args[1], args[2], args[3], args[4:])
	case "consume":
		return nil, a.consume(ctx, args[0], int32(number(args[1])), args[2], int(number(args[3])), args[4])
	case "offset":
		return a.offset(ctx, args[0], int32(number(args[1])), args[2])
	case "join":
		return nil, a.join(args[0], args[1], args[2], args[3:])
	case "member":
		return a.member.state()
	case "commit":
		return nil, a.member.commit(ctx, args[0])
	case "commit-as":
		return nil, a.member.commitAs(ctx, args[0], args[1])
	case "heartbeat-as":
		return nil, a.member.heartbeatAs(ctx, args[0], args[1])
	case "leave":
		return nil, a.member.leave(ctx)
	case "committed":
		return a.committed(ctx, args[0], args[1])
	case "groups":
		groups, err := a.admin.ListGroups(ctx)
		return groups.Groups(), err
	case "describe-group":
		return a.describeGroup(ctx, args[0])
	case "delete-group":
		_, err := a.admin.DeleteGroup(ctx, args[0])
		return nil, err
	case "configs":
		return a.configs(ctx, args[0], args[1])
	case "alter":
		return nil, a.alter(ctx, args[0], args[1], args[2:], false)
	case "replace":
		return nil, a.alter(ctx, args[0], args[1], args[2:], true)
	case "grow":
		return nil, a.grow(ctx, args[0], int(number(args[1])))
	case "delete-records":
		return nil, a.deleteRecords(ctx, args[0], int32(number(args[1])), number(args[2]))
	case "log-dirs":
		return a.logDirs(ctx, args[0])
	case "cluster":
		return a.cluster(ctx)
	case "churn":
		a.churn = startChurn(a.bootstrap, args)
		return nil, nil
	case "churned":
		return a.churn.state()
	}
	return nil, errors.New("no such command: " + verb)
}

func (a *adapter) create(ctx context.Context, topic, partitions string, configs []string) error {
	values := map[string]*string{}
	for _, config := range configs {
		name, value, _ := strings.Cut(config, "=")
		values[name] = &value
	}
	_, err := a.admin.CreateTopic(ctx, int32(number(partitions)), -1, values, topic)
	return err
}

func (a *adapter) topics(ctx context.Context) ([]string, error) {
	topics, err := a.admin.ListTopics(ctx)
	var names []string
	for name, topic := range topics {
		if topic.Err == nil { // kadm also lists what it has been told is unknown
			names = append(names, name)
		}
	}
	return names, err
}

func (a *adapter) partitions(ctx context.Context, topic string) (kadm.PartitionDetails, error) {
	topics, err := a.admin.ListTopics(ctx, topic)
	if err != nil {
		return nil, err
	}
	return topics[topic].Partitions, topics.Error()
}

func (a *adapter) produce(
	ctx context.Context, topic, codec, acks, path string, batchBytes []string,
) ([]string, error) {
	options := []kgo.Opt{
		kgo.SeedBrokers(a.bootstrap),
		kgo.AllowAutoTopicCreation(),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codecs[codec]),
		kgo.ProducerLinger(20 * time.Millisecond),
		kgo.RequiredAcks(acksByName[acks]),
	}
	if len(batchBytes) == 1 {
		options = append(options, kgo.ProducerBatchMaxBytes(int32(number(batchBytes[0]))))
	}
	// Kafka allows idempotence with acks=all only.
	if os.Getenv("IDEMPOTENT") != "1" || acks != "all" {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	lines, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var batch []*kgo.Record
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		batch = append(batch, parse(topic, line))
	}
	results := client.ProduceSync(ctx, batch...)
	if err := results.FirstErr(); err != nil {
		return nil, err
	}
	if acks == "0" {
		return []string{"-1"}, nil
	}
	return []string{strconv.FormatInt(batch[len(batch)-1].Offset, 10)}, nil
}

func (a *adapter) consume(
	ctx context.Context, topic string, partition int32, from string, count int, path string,
) error {
	// PollRecords never says that a topic or partition does not exist.
	partitions, err := a.partitions(ctx, topic)
	if err != nil {
		return err
	}
	if _, ok := partitions[partition]; !ok {
		return kerr.UnknownTopicOrPartition
	}
	offset := kgo.NewOffset()
	switch {
	case from == "beginning":
		offset = offset.AtStart()
	case strings.HasPrefix(from, "end-"):
		offset = offset.AtEnd().Relative(-number(from[len("end-"):]))
	default:
		// NewOffset() would move an offset that is out of range into the range.
		offset = kgo.NoResetOffset().At(number(from))
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(a.bootstrap),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: offset}}),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	for read := 0; read < count; {
		fetches := client.PollRecords(ctx, count-read)
		if errs := fetches.Errors(); len(errs) > 0 {
			return errs[0].Err
		}
		for _, record := range fetches.Records() {
			fmt.Fprintln(out, format(record))
			read++
		}
	}
	return out.Flush()
}

func (a *adapter) offset(ctx context.Context, topic string, partition int32, which string) ([]string, error) {
	var listed kadm.ListedOffsets
	var err error
	switch which {
	case "earliest":
		listed, err = a.admin.ListStartOffsets(ctx, topic)
	case "latest":
		listed, err = a.admin.ListEndOffsets(ctx, topic)
	case "max":
		listed, err = a.admin.ListMaxTimestampOffsets(ctx, topic)
	default:
		listed, err = a.admin.ListOffsetsAfterMilli(ctx, number(which), topic)
	}
	if err != nil {
		return nil, err
	}
	found, ok := listed.Lookup(topic, partition)
	if !ok {
		return nil, kerr.UnknownTopicOrPartition
	}
	if found.Err != nil {
		return nil, found.Err
	}
	// kadm turns "no such timestamp" into the end offset.
	if which != "earliest" && which != "latest" && found.Timestamp < 0 {
		found.Offset = -1
	}
	return []string{strconv.FormatInt(found.Offset, 10)}, nil
}

func parse(topic, line string) *kgo.Record {
	fields := strings.Split(line, " ")
	record := &kgo.Record{
		Topic:     topic,
		Partition: int32(number(fields[0])),
		Timestamp: time.UnixMilli(number(fields[2])),
		Key:       unhex(fields[3]),
		Value:     unhex(fields[4]),
	}
	for i := 5; i < len(fields); i += 2 {
		header := kgo.RecordHeader{Key: string(unhex(fields[i])), Value: unhex(fields[i+1])}
		record.Headers = append(record.Headers, header)
	}
	return record
}

func format(record *kgo.Record) string {
	fields := []string{
		strconv.Itoa(int(record.Partition)),
		strconv.FormatInt(record.Offset, 10),
		strconv.FormatInt(record.Timestamp.UnixMilli(), 10),
		toHex(record.Key),
		toHex(record.Value),
	}
	for _, header := range record.Headers {
		fields = append(fields, toHex([]byte(header.Key)), toHex(header.Value))
	}
	return strings.Join(fields, " ")
}

func unhex(field string) []byte {
	if field == "-" {
		return nil
	}
	bytes, err := hex.DecodeString(field[1:])
	if err != nil {
		panic(err)
	}
	return bytes
}

func toHex(bytes []byte) string {
	if bytes == nil {
		return "-"
	}
	return "x" + hex.EncodeToString(bytes)
}

func number(text string) int64 {
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return value
}

// code is Kafka's code of an error, or 0.
func code(err error) int {
	var known *kerr.Error
	if errors.As(err, &known) {
		return int(known.Code)
	}
	return 0
}
