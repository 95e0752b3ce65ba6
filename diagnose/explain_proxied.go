package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// sawTalk says how the answer is known, and which proxy gave it.
func (x *examined) sawTalk(e *explanation) {
	t := x.asked
	a := &t.ask.Answer
	answer := fmt.Sprintf("%q", a.Words)
	if a.Details != "" {
		answer += " (" + a.Details + ")"
	}
	what := fmt.Sprintf("%s %s", t.ask.Method, t.ask.Target)
	if t.ask.Socks || t.proxy.socks() {
		what = "SOCKS5 CONNECT " + t.ask.Target
	}
	if t.asked {
		e.saw("what the program itself was answered was not seen (that takes CAP_NET_RAW); asked by sallyport, %s: %s", strings.TrimSpace(what), answer)
	} else {
		e.saw("its request and the answer, as they passed: %s: %s", strings.TrimSpace(what), answer)
	}
	if len(t.targets) > 1 {
		e.saw("the same answer for %d destinations: %s", len(t.targets), t.target())
	}
	e.saw("%s names the proxy", t.proxy.where())
	if a.Server != "" && a.Kind != proxy.Other {
		e.saw("it says that it is %s", a.Server)
	}
}

// asked is what the program wanted of the proxy, for a sentence: "" where that is not known.
func (x *examined) wanted() string {
	t := x.asked
	if t.ask.Target == "" || t.ask.Target == nobody {
		return ""
	}
	return " to " + t.target()
}

// directlyWorks advises to leave the proxy out, where that was seen to work.
func (x *examined) directlyWorks(e *explanation) bool {
	if x.outcomeOf(changeDirectly).Kind != attempt.Connected {
		return false
	}
	host, _ := proxy.SplitHostPort(x.asked.targets[0])
	e.advise("leave the proxy out for it, since it can be reached directly: add %s to no_proxy", host)
	return true
}

func explainProxyUser(x *examined, e *explanation) {
	t := x.asked
	p, a := t.proxy, &t.ask.Answer
	e.summary = fmt.Sprintf("%s connected to its proxy %s, and that lets nobody through%s without a user and a password: ", x.who(), p.Host, x.wanted())
	switch {
	case t.ask.Offered != "":
		e.summary = fmt.Sprintf("%s connected to its proxy %s, and that did not accept the user and the password that it was sent: %s", x.who(), p.Host, a.Words)
	case p.user != "":
		e.summary += fmt.Sprintf("%s; %s has a user, and the program did not send it", a.Words, p.where())
	default:
		e.summary += fmt.Sprintf("%s; %s names none", a.Words, p.where())
	}
	x.sawTalk(e)
	if len(a.Offers) > 0 {
		e.saw("it takes %s", strings.Join(a.Offers, ", "))
	}
	basic := len(a.Offers) == 0 || slices.ContainsFunc(a.Offers, func(s string) bool { return strings.EqualFold(s, "Basic") })
	switch {
	case !basic:
		e.advise("it takes no plain user and password, but %s: curl has `--proxy-negotiate -U :`, `--proxy-ntlm` and `--proxy-digest`; other programs need a proxy between that logs in for them (cntlm, px)",
			strings.Join(a.Offers, ", "))
	case t.ask.Offered != "":
		e.advise("check user and password with `curl --proxy-user USER --proxy %s://%s ...`, which asks for the password; in a URL @ : / %% and # are written %%40 %%3A %%2F %%25 %%23", p.Scheme, p.Host)
	default:
		x.adviseUser(e)
	}
	x.directlyWorks(e)
}

// adviseUser says how to give a client a user for its proxy.
func (x *examined) adviseUser(e *explanation) {
	p := x.asked.proxy
	host := p.Host
	switch c := x.client(); {
	case c == clientJava:
		e.advise("let java send one: `-Dhttp.proxyUser=` is heeded by few; set a java.net.Authenticator, and for https `-Djdk.http.auth.tunneling.disabledSchemes=\"\"`, without which Basic is not tried in a tunnel")
	case p.From == commandLine && c == clientCurl:
		e.advise("give it one: `curl --proxy-user USER:PASSWORD ...`")
	case p.From == "" || p.From == commandLine:
		e.advise("put a user and a password into %s: `%s://USER:PASSWORD@%s`; in it @ : / %% and # are written %%40 %%3A %%2F %%25 %%23", p.Variable, p.Scheme, host)
	default:
		e.advise("put a user and a password into %s: %s://USER:PASSWORD@%s", p.where(), p.Scheme, host)
	}
}

func explainProxyDenied(x *examined, e *explanation) {
	t := x.asked
	p := t.proxy
	e.summary = fmt.Sprintf("%s connected to its proxy %s, and that does not allow a connection%s: %s", x.who(), p.Host, x.wanted(), t.ask.Answer.Words)
	x.sawTalk(e)
	direct := x.directlyWorks(e)
	server := strings.ToLower(t.ask.Answer.Server)
	switch {
	case strings.HasPrefix(server, "squid"):
		e.advise("have it allowed on the proxy: squid.conf's http_access, the first line that matches decides; its access.log says TCP_DENIED")
	case strings.HasPrefix(server, "tinyproxy"):
		e.advise("have it allowed on the proxy, in tinyproxy.conf: Filter (%q), ConnectPort (\"Access violation\"), or Allow (\"Access denied\")", "Filtered")
	default:
		e.advise("have whoever runs the proxy allow %s", t.target())
	}
	if _, port := proxy.SplitHostPort(t.targets[0]); t.ask.Method == "CONNECT" && !p.socks() && port != "443" && port != "" {
		e.saw("most proxies let CONNECT through to port 443 alone; this is port %s", port)
	}
	if !direct {
		e.advise("if it is to be reached without the proxy: no_proxy, and a direct way")
	}
}

func explainProxyCannotReach(x *examined, e *explanation) {
	t := x.asked
	e.summary = fmt.Sprintf("%s connected to its proxy %s, and from there no connection%s came about: %s", x.who(), t.proxy.Host, x.wanted(), t.ask.Answer.Words)
	x.sawTalk(e)
	failure, _, _ := strings.Cut(t.ask.Answer.Details, " ")
	if failure == "ERR_DNS_FAIL" {
		e.saw("the proxy does not find the name: it has a resolver of its own")
	}
	direct := x.directlyWorks(e)
	e.advise("check the destination: host, port, and whether the server runs; the proxy was used, and let the request pass")
	if !direct {
		e.advise("if it is a host of this network, which the proxy can't reach: add it to no_proxy")
	}
}

// sayProxy adds to the explanation of a failed connect that it was to the proxy.
func (x *examined) sayProxy(e *explanation) {
	e.summary += fmt.Sprintf("; that is the proxy that %s names", x.proxy.where())
	if x.proxy.From != "" {
		e.advise("check the proxy: %s in %s", x.proxy.Variable, x.proxy.From)
		return
	}
	e.advise("check the proxy: %s is %s://%s; without it the program connects directly: `env -u %s ...`", x.proxy.Variable, x.proxy.Scheme, x.proxy.Host, x.proxy.Variable)
}
