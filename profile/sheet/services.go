package sheet

import "github.com/sallyport/sallyport/attempt"

// known are the services that people ask about, by the names they know them by and the ports that IANA has for them, or that they are found at.
var known = []struct {
	name  string
	proto attempt.Protocol
	port  uint16
}{
	{"DNS", attempt.UDP, 53},
	{"DNS over TCP", attempt.TCP, 53},
	{"HTTP", attempt.TCP, 80},
	{"HTTPS", attempt.TCP, 443},
	{"HTTP/3", attempt.UDP, 443},
	{"HTTP proxies", attempt.TCP, 3128},
	{"HTTP alternative", attempt.TCP, 8080},
	{"HTTPS alternative", attempt.TCP, 8443},
	{"SSH and git", attempt.TCP, 22},
	{"FTP", attempt.TCP, 21},
	{"SMTP", attempt.TCP, 25},
	{"SMTP submission", attempt.TCP, 587},
	{"SMTP over TLS", attempt.TCP, 465},
	{"IMAP over TLS", attempt.TCP, 993},
	{"LDAP", attempt.TCP, 389},
	{"NTP", attempt.UDP, 123},
	{"PostgreSQL", attempt.TCP, 5432},
	{"MySQL", attempt.TCP, 3306},
	{"SQL Server", attempt.TCP, 1433},
	{"Oracle", attempt.TCP, 1521},
	{"MongoDB", attempt.TCP, 27017},
	{"Redis", attempt.TCP, 6379},
	{"memcached", attempt.TCP, 11211},
	{"Elasticsearch", attempt.TCP, 9200},
	{"Kafka", attempt.TCP, 9092},
	{"AMQP", attempt.TCP, 5672},
	{"AMQP over TLS", attempt.TCP, 5671},
	{"MQTT", attempt.TCP, 1883},
	{"IRC", attempt.TCP, 6667},
}
