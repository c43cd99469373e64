// A test's own broker: started, used by a stock client, and gone with the test.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

// startBroker returns the address of a broker with these topics, and what stops it.
func startBroker(topics ...string) (string, func()) {
	program := os.Getenv("SENDLOG")
	if program == "" {
		program = "sendlog"
	}
	options := []string{"--ephemeral", "--exit-with-parent", "--listen", "127.0.0.1:0"}
	for _, topic := range topics {
		options = append(options, "--topic", topic)
	}
	broker := exec.Command(program, options...)
	broker.Stderr = os.Stderr
	stdout, err := broker.StdoutPipe()
	check(err)
	check(broker.Start())
	line, err := bufio.NewReader(stdout).ReadString('\n')
	check(err)
	stop := func() {
		check(broker.Process.Signal(syscall.SIGTERM))
		check(broker.Wait())
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), stop
}

func main() {
	address, stop := startBroker("orders:1")
	defer stop()
	client, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic("orders"),
		kgo.ConsumeTopics("orders"))
	check(err)
	defer client.Close()
	ctx := context.Background()
	check(client.ProduceSync(ctx, kgo.StringRecord("hello from Go")).FirstErr())
	for _, record := range client.PollFetches(ctx).Records() {
		fmt.Println(string(record.Value))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
