package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	joinVersion   = 5 // the last one whose header has no tags
	vanishSession = 6 * time.Second
	vanishLimit   = 5 * time.Second
)

// churn is members that join and vanish: their connections close, and the broker hears no LeaveGroup.
type churn struct {
	bootstrap string
	topic     string
	// How far each goes: `asked` for a member id, `joined` with it.
	how     string
	total   int
	running sync.WaitGroup
	done    atomic.Int64
	mu      sync.Mutex // of err
	err     error
}

// startChurn has so many members each second join one of the groups in turn, for so many seconds, in the background.
func startChurn(bootstrap string, args []string) *churn {
	groups, perSecond, seconds := strings.Split(args[0], ","), int(number(args[2])), int(number(args[3]))
	c := &churn{bootstrap: bootstrap, topic: args[1], how: args[4], total: perSecond * seconds}
	go func() {
		ticks := time.NewTicker(time.Second / time.Duration(perSecond))
		defer ticks.Stop()
		for i := range c.total {
			<-ticks.C
			c.running.Add(1)
			go func() {
				defer c.running.Done()
				if err := c.joinAndVanish(groups[i%len(groups)], i); err != nil {
					c.mu.Lock()
					c.err = err
					c.mu.Unlock()
				}
				c.done.Add(1)
			}()
		}
	}()
	return c
}

// state is how many members have vanished, of how many.
func (c *churn) state() ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return []string{strconv.FormatInt(c.done.Load(), 10), strconv.Itoa(c.total)}, c.err
}

func (c *churn) joinAndVanish(group string, i int) error {
	conn, err := net.DialTimeout("tcp", c.bootstrap, vanishLimit)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(vanishLimit))
	if i%2 == 0 {
		conn.(*net.TCPConn).SetLinger(0) // the connection ends with a reset
	}
	join := c.joinRequest(group)
	if err := send(conn, join); err != nil {
		return err
	}
	response := kmsg.NewPtrJoinGroupResponse()
	response.SetVersion(joinVersion)
	if err := receive(conn, response); err != nil {
		return err
	}
	if err := kerr.ErrorForCode(response.ErrorCode); !errors.Is(err, kerr.MemberIDRequired) {
		return err
	}
	if c.how == "asked" {
		return nil
	}
	join.MemberID = response.MemberID
	if err := send(conn, join); err != nil {
		return err
	}
	if i%3 == 0 { // does not wait to be told the generation
		return nil
	}
	conn.SetDeadline(time.Now().Add(time.Second))
	err = receive(conn, response)
	if late := (net.Error)(nil); errors.As(err, &late) && late.Timeout() {
		return nil
	}
	return err
}

func (c *churn) joinRequest(group string) *kmsg.JoinGroupRequest {
	metadata := kmsg.NewConsumerMemberMetadata()
	metadata.Topics = []string{c.topic}
	protocol := kmsg.NewJoinGroupRequestProtocol()
	protocol.Name = "range"
	protocol.Metadata = metadata.AppendTo(nil)
	join := kmsg.NewPtrJoinGroupRequest()
	join.SetVersion(joinVersion)
	join.Group = group
	join.SessionTimeoutMillis = int32(vanishSession.Milliseconds())
	join.RebalanceTimeoutMillis = join.SessionTimeoutMillis
	join.ProtocolType = "consumer"
	join.Protocols = append(join.Protocols, protocol)
	return join
}

func send(conn net.Conn, request kmsg.Request) error {
	formatter := kmsg.NewRequestFormatter(kmsg.FormatterClientID("churn"))
	_, err := conn.Write(formatter.AppendRequest(nil, request, 1))
	return err
}

func receive(conn net.Conn, response kmsg.Response) error {
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(length[:]))
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	return response.ReadFrom(body[4:]) // after the correlation id
}
