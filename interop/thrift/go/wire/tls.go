package wire

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

// Socket is a client's, not yet open.
func (f *Form) Socket(timeout time.Duration) thrift.TTransport {
	config := &thrift.TConfiguration{ConnectTimeout: timeout, SocketTimeout: timeout}
	if f.tls == "" {
		return thrift.NewTSocketConf(f.Address(), config)
	}
	own, trusted := f.certificates()
	config.TLSConfig = &tls.Config{Certificates: own, RootCAs: trusted}
	return thrift.NewTSSLSocketConf(f.Address(), config)
}

// ServerSocket listens when asked to.
func (f *Form) ServerSocket() (thrift.TServerTransport, error) {
	if f.tls == "" {
		return thrift.NewTServerSocket(f.Address())
	}
	own, trusted := f.certificates()
	config := &tls.Config{Certificates: own, ClientCAs: trusted}
	if trusted != nil {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return thrift.NewTSSLServerSocket(f.Address(), config)
}

// certificates are what is in the folder; a party need not have all of it.
func (f *Form) certificates() (own []tls.Certificate, trusted *x509.CertPool) {
	file := func(name string) string { return filepath.Join(f.tls, name) }
	pair, err := tls.LoadX509KeyPair(file("cert.pem"), file("key.pem"))
	if err == nil {
		own = append(own, pair)
	} else if !errors.Is(err, fs.ErrNotExist) {
		log.Fatal(err)
	}
	pem, err := os.ReadFile(file("ca.pem"))
	if err == nil {
		trusted = x509.NewCertPool()
		trusted.AppendCertsFromPEM(pem)
	} else if !errors.Is(err, fs.ErrNotExist) {
		log.Fatal(err)
	}
	return own, trusted
}
