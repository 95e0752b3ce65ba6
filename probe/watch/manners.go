package watch

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

// Manner is how often a protocol's servers may be asked who they are, over and over. In between, attempts are bare.
type Manner struct {
	Service string
	Every   time.Duration // at most one handshake in this time
	Most    int           // at most so many in all: one at first, and one after a change; 0: no limit
	Why     string        // for people, after "since "
}

// manners are those of servers that hold unfinished conversations against a host.
//
//   - MySQL and MariaDB count connections that end before the login (Host_errors::m_handshake in sql/hostname.h), and turn a host away for good when there
//     were more than max_connect_errors of them (100) with no login between. Nothing but a login or FLUSH HOSTS takes one off. Without an
//     entry in the host cache (loopback, skip-name-resolve, a name that is not the address's) nothing is counted.
//   - OpenSSH from 9.8 on adds a second to a host's penalty for each connection without a login, and refuses it from 15 s on: PerSourcePenalties in
//     sshd_config(5). MaxStartups drops connections of everybody while too many are not logged in. fail2ban's filter reads the log.
//   - Postfix counts and limits by smtpd_client_connection_rate_limit within anvil_rate_time_unit (60 s), and postscreen's greylisting notes who hangs up.
//     Nobody is an early talker here: the greeting is waited for.
//   - IRC servers throttle: InspIRCd's connectban and Solanum's throttle_count count connections of an address by the minute.
//
// LDAP, PostgreSQL, Redis, Kafka, MQTT and AMQP servers at most log such connections, and hold nothing against a host.
var manners = map[string]Manner{
	"mysql": {Service: "mysql", Most: 10, Why: "it turns a host away after max_connect_errors (100) connections without a login"},
	"ssh":   {Service: "ssh", Every: time.Minute, Why: "it penalises hosts that connect without a login"},
	"smtp":  {Service: "smtp", Every: time.Minute, Why: "mail servers limit how often a host may connect"},
	"irc":   {Service: "irc", Every: time.Minute, Why: "IRC servers throttle hosts that connect often"},
}

// plainOf are the services that are held to be the same here.
var plainOf = map[string]string{"smtps": "smtp", "ircs": "irc"}

// portServices are what most likely answers where a target does not say.
var portServices = map[uint16]string{22: "ssh", 25: "smtp", 465: "smtp", 587: "smtp", 3306: "mysql", 6667: "irc", 6697: "irc"}

// Manners holds attempts to what servers stand. The zero value is ready.
type Manners struct {
	asked map[place]*asked
	told  map[string]bool
}

type place struct {
	addr netip.Addr
	port uint16
}

type asked struct {
	last    time.Time
	count   int
	changes int
}

// unbound is the name of the variant without a bind: the one that is allowed to ask.
const unbound = "no bind"

// Attempt makes an attempt bare where its server should not be asked now. Words is what to tell the user of that, once for each protocol
// that was asked for, or that answers.
func (m *Manners) Attempt(a *probe.Attempt, w *Watch, at time.Time) (words *Manner) {
	if a.Protocol != attempt.TCP || a.Target == nil {
		return nil
	}
	c := w.cells[CellOf(a)]
	service := a.Target.Service
	if c != nil && c.state.Service != "" {
		service = c.state.Service
	}
	if p, there := plainOf[service]; there {
		service = p
	}
	if service == "" {
		service = portServices[a.Destination.Port()]
	}
	manner, there := manners[service]
	if !there {
		return nil
	}
	if m.asked == nil {
		m.asked, m.told = map[place]*asked{}, map[string]bool{}
	}
	if there := a.Target.Service != "" || c != nil && c.state.reached(); there && !m.told[service] {
		m.told[service] = true
		words = &manner
	}
	a.Bare = true
	if a.Variant != unbound {
		return words
	}
	id := place{a.Destination.Addr(), a.Destination.Port()}
	before := m.asked[id]
	changes := 0
	if c != nil {
		changes = int(c.changes)
	}
	switch {
	case before == nil:
		m.trim(at)
		before = &asked{}
		m.asked[id] = before
	case manner.Every > 0 && at.Sub(before.last) < manner.Every:
		return words
	case manner.Most > 0 && (before.count >= manner.Most || changes == before.changes): // what answers now may be another
		return words
	}
	before.last, before.changes = at, changes
	before.count++
	a.Bare = false
	return words
}

// maxAsked bounds how many addresses are remembered: those of a name may be others each day.
const maxAsked = 100_000

// trim forgets those that may be asked again anyway.
func (m *Manners) trim(at time.Time) {
	if len(m.asked) < maxAsked {
		return
	}
	for id, a := range m.asked {
		if at.Sub(a.last) > 24*time.Hour {
			delete(m.asked, id)
		}
	}
}
