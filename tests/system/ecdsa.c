/*
 * Gives baresip 1.0 a certificate on P-256: preloaded, this takes the place of libre's own maker of RSA certificates,
 * which the gateway does not take. The certificate and its key are PEM files named by the environment.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct tls;

int tls_set_certificate_pem(struct tls *tls, const char *cert, size_t len_cert, const char *key, size_t len_key);
int tls_set_selfsigned_rsa(struct tls *tls, const char *cn, size_t bits);

static size_t read_pem(const char *variable, char *buffer, size_t size)
{
	const char *path = getenv(variable);
	FILE *file = path ? fopen(path, "r") : NULL;
	size_t length = 0;

	if (file) {
		length = fread(buffer, 1, size, file);
		fclose(file);
	}
	return length;
}

int tls_set_selfsigned_rsa(struct tls *tls, const char *cn, size_t bits)
{
	char cert[4096], key[4096];
	size_t len_cert = read_pem("ECDSA_CERTIFICATE", cert, sizeof(cert));
	size_t len_key = read_pem("ECDSA_KEY", key, sizeof(key));

	(void)cn;
	(void)bits;
	if (!len_cert || !len_key)
		return ENOENT;
	return tls_set_certificate_pem(tls, cert, len_cert, key, len_key);
}
