//go:build linux

package measure

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// ednsSize is what is asked for with EDNS: what comes through nearly everywhere in one piece (RFC 9715, section 3.2).
const ednsSize = 1232

// dnsQuestion is one question, and how it is put.
type dnsQuestion struct {
	server netip.AddrPort
	name   string // without the last dot
	kind   dnsmessage.Type
	tcp    bool
	edns   bool
}

// ask asks once, by UDP again when half of the time has passed.
func (q *dnsQuestion) ask(ctx context.Context, timeout time.Duration) probe.DNSAnswer {
	a := probe.DNSAnswer{Asked: true}
	begin := time.Now()
	err := q.exchange(ctx, timeout, &a)
	a.Took = time.Since(begin)
	switch {
	case err == nil:
	case errors.Is(err, syscall.ECONNREFUSED):
		a.Outcome = attempt.LookupPortClosed
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		a.Outcome = attempt.LookupSilent
	default:
		a.Error = wordsOf(err)
	}
	return a
}

// wordsOf is an error without the addresses that package net puts before it.
func wordsOf(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "closed the connection without an answer"
	}
	return clean(err.Error())
}

func (q *dnsQuestion) exchange(ctx context.Context, timeout time.Duration, a *probe.DNSAnswer) error {
	id, message, err := q.pack()
	if err != nil {
		return err
	}
	network := "udp"
	if q.tcp {
		network = "tcp"
	}
	d := net.Dialer{Timeout: timeout}
	c, err := d.DialContext(ctx, network, q.server.String())
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	until := time.Now().Add(timeout)
	if q.tcp {
		_ = c.SetDeadline(until)
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)); err != nil {
			return err
		}
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			return err
		}
		b := make([]byte, binary.BigEndian.Uint16(head))
		if _, err := io.ReadFull(c, b); err != nil {
			return err
		}
		if !q.read(id, b, a) {
			return errors.New("answers something else than DNS")
		}
		return nil
	}
	b := make([]byte, 64<<10)
	for try := range 2 {
		_ = c.SetDeadline(time.Now().Add(timeout / 2))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, err := c.Write(message); err != nil {
			return err
		}
		for {
			n, err := c.Read(b)
			if errors.Is(err, os.ErrDeadlineExceeded) && try == 0 {
				break
			}
			if err != nil {
				return err
			}
			if q.read(id, b[:n], a) {
				return nil
			}
			if time.Now().After(until) {
				return os.ErrDeadlineExceeded
			}
		}
	}
	return os.ErrDeadlineExceeded
}

func (q *dnsQuestion) pack() (uint16, []byte, error) {
	name, err := dnsmessage.NewName(q.name + ".")
	if err != nil {
		return 0, nil, err
	}
	var id [2]byte
	_, _ = rand.Read(id[:])
	h := dnsmessage.Header{ID: binary.BigEndian.Uint16(id[:]), RecursionDesired: true}
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), h)
	b.EnableCompression()
	if err := errors.Join(b.StartQuestions(), b.Question(dnsmessage.Question{Name: name, Type: q.kind, Class: dnsmessage.ClassINET})); err != nil {
		return 0, nil, err
	}
	if q.edns {
		var rh dnsmessage.ResourceHeader
		if err := errors.Join(rh.SetEDNS0(ednsSize, dnsmessage.RCodeSuccess, false), b.StartAdditionals(), b.OPTResource(rh, dnsmessage.OPTResource{})); err != nil {
			return 0, nil, err
		}
	}
	m, err := b.Finish()
	return h.ID, m, err
}

// maxDNSRecords is how many records of an answer are read.
const maxDNSRecords = 1024

// read takes an answer in, and reports whether it is one to this question.
func (q *dnsQuestion) read(id uint16, b []byte, a *probe.DNSAnswer) bool {
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil || !h.Response || h.ID != id {
		return false
	}
	asked, err := p.AllQuestions()
	if err != nil || len(asked) > 1 || len(asked) == 0 && h.RCode == dnsmessage.RCodeSuccess {
		return false
	}
	if len(asked) == 1 && (asked[0].Type != q.kind || !strings.EqualFold(asked[0].Name.String(), q.name+".")) {
		return false
	}
	records := 0
	var addrs []netip.Addr
	for range maxDNSRecords {
		rh, err := p.AnswerHeader()
		if err != nil {
			break
		}
		if rh.Type == q.kind {
			records++
		}
		switch rh.Type {
		case dnsmessage.TypeA:
			r, bad := p.AResource()
			err = bad
			addrs = append(addrs, netip.AddrFrom4(r.A))
		case dnsmessage.TypeAAAA:
			r, bad := p.AAAAResource()
			err = bad
			addrs = append(addrs, netip.AddrFrom16(r.AAAA))
		default:
			err = p.SkipAnswer()
		}
		if err != nil {
			break
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	a.Addrs, a.Size = slices.Compact(addrs), len(b)
	switch {
	case h.Truncated && !q.tcp:
		a.Outcome = attempt.LookupTruncated
	case h.RCode == dnsmessage.RCodeNameError:
		a.Outcome = attempt.LookupNoName
	case h.RCode == dnsmessage.RCodeRefused:
		a.Outcome = attempt.LookupRefused
	case h.RCode == dnsmessage.RCodeServerFailure:
		a.Outcome = attempt.LookupFailed
	case h.RCode != dnsmessage.RCodeSuccess:
		a.Outcome, a.Error = attempt.LookupFailed, "answers with RCODE "+strconv.Itoa(int(h.RCode))
		if h.RCode == dnsmessage.RCodeFormatError {
			a.Error = "says that the question is malformed (FORMERR)"
		}
	case records == 0:
		a.Outcome = attempt.LookupNoData
	default:
		a.Outcome = attempt.LookupAnswered
	}
	return true
}
