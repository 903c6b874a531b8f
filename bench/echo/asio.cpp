/* asio.cpp - an echo server on Asio (the one without Boost): handlers, one thread.
 *
 * Its concurrency hint is 1, which spares it the locks of its queue.
 *
 * SPDX-License-Identifier: MIT
 */
#include <array>
#include <asio.hpp>
#include <memory>

#include "common/socket.h"

using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
public:
    explicit session(tcp::socket socket) : socket_(std::move(socket)) {}

    void read()
    {
        socket_.async_read_some(asio::buffer(buffer_),
                                [self = shared_from_this()](std::error_code failed, size_t n) {
                                    if (!failed)
                                        self->write(n);
                                });
    }

private:
    void write(size_t n)
    {
        asio::async_write(socket_, asio::buffer(buffer_.data(), n),
                          [self = shared_from_this()](std::error_code failed, size_t) {
                              if (!failed)
                                  self->read();
                          });
    }

    tcp::socket socket_;
    std::array<char, ECHO_BUFFER> buffer_;
};

static void accept_next(tcp::acceptor &acceptor)
{
    acceptor.async_accept([&acceptor](std::error_code failed, tcp::socket socket) {
        if (!failed) {
            socket.set_option(tcp::no_delay(true));
            std::make_shared<session>(std::move(socket))->read();
        }
        accept_next(acceptor);
    });
}

int main(int argc, char **argv)
{
    struct bench_args args = bench_parse(argc, argv);
    asio::io_context context(1);
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(),
                                                  static_cast<unsigned short>(args.n)));

    acceptor.listen(4096);
    accept_next(acceptor);
    context.run();
}
