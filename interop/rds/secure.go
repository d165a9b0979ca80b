package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"

	"google.golang.org/grpc/credentials"
)

// secure is TLS with the files of certificates.py.
func secure(folder string, mutual bool) (credentials.TransportCredentials, error) {
	file := func(name string) string { return filepath.Join(folder, name) }
	certificate, err := tls.LoadX509KeyPair(file("cert.pem"), file("key.pem"))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	if mutual {
		pem, err := os.ReadFile(file("ca.pem"))
		if err != nil {
			return nil, err
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("no certificate in ca.pem")
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return credentials.NewTLS(config), nil
}
