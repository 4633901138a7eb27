package org.stateferry.service.notification;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A mail server on loopback that takes everything and keeps it. */
final class SmtpReceiver implements AutoCloseable {
    private final ServerSocket server = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
    private final List<String> messages = new ArrayList<>();

    SmtpReceiver() throws IOException {
        Thread thread = new Thread(this::serve, "smtp-receiver");
        thread.setDaemon(true);
        thread.start();
    }

    int port() {
        return server.getLocalPort();
    }

    synchronized List<String> messages() {
        return List.copyOf(messages);
    }

    private void serve() {
        while (!server.isClosed()) {
            try (Socket client = server.accept()) {
                talk(client);
            } catch (IOException e) {
                // the client, or the test, has had enough
            }
        }
    }

    private void talk(Socket client) throws IOException {
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(client.getInputStream(), StandardCharsets.UTF_8));
        OutputStream answers = client.getOutputStream();
        answer(answers, "220 here");
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("EHLO")) {
                answer(answers, "250 here");
            } else if (line.equals("DATA")) {
                answer(answers, "354 go on");
                keep(lines);
                answer(answers, "250 kept");
            } else if (line.equals("QUIT")) {
                answer(answers, "221 bye");
                return;
            } else {
                answer(answers, "250 fine");
            }
        }
    }

    private void keep(BufferedReader lines) throws IOException {
        StringBuilder message = new StringBuilder();
        for (String line = lines.readLine(); line != null && !line.equals("."); line = lines.readLine()) {
            message.append(line).append('\n');
        }
        synchronized (this) {
            messages.add(message.toString());
        }
    }

    private static void answer(OutputStream answers, String line) throws IOException {
        answers.write((line + "\r\n").getBytes(StandardCharsets.US_ASCII));
        answers.flush();
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
