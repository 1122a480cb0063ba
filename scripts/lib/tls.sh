# Stacks of kind `test` have a certificate authority and a certificate for servers on 127.0.0.1.

prepare_tls() {
    [[ $kind == test && ! -s tls/server.pem ]] || return 0
    mkdir -p tls
    local new_key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
    {
        openssl req -x509 "${new_key[@]}" -keyout tls/ca.key -out tls/ca.pem -days 3650 -subj '/CN=Martlet tests'
        openssl req "${new_key[@]}" -keyout tls/server.key -out tls/server.csr -subj /CN=localhost
        openssl x509 -req -in tls/server.csr -CA tls/ca.pem -CAkey tls/ca.key -CAcreateserial -days 3650 \
            -extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1') -out tls/server.pem
    } 2>log/tls.log || die "openssl failed; see $stack/log/tls.log"
}
