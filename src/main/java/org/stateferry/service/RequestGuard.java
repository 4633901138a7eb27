package org.stateferry.service;

import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ValveBase;
import org.apache.coyote.ActionCode;
import org.apache.tomcat.util.http.parser.Host;
import org.jspecify.annotations.Nullable;

/**
 * Admits only requests that are addressed to this service, before any other filter sees them.
 *
 * <ul>
 *   <li>The {@code Host} must be a loopback name, the address that the request came to, or a configured name. A web page can
 *       make the name of its own site lead here (DNS rebinding), and the browser then takes our answers for that site's;
 *       but it still says which site it believes to ask.
 *   <li>A body must be JSON of a told and small size, in a POST. It is read after the sender has proven who he is; what is
 *       not read is not waited for either.
 *   <li>What changes something must not come from a web page of another origin. Browsers tell the origin of such requests,
 *       and a page cannot keep them from it.
 * </ul>
 *
 * Thread-safe.
 */
final class RequestGuard extends ValveBase {
    private static final Set<String> LOOPBACK = Set.of("localhost", "127.0.0.1", "[::1]");
    private static final Set<String> SAFE = Set.of("GET", "HEAD", "OPTIONS");
    private static final int MISDIRECTED = 421;
    /** As long as a job definition may be. */
    private static final int BODY_MAX = 64 << 10;

    private final Set<String> names;

    /** @param names further names of this host, without a port */
    RequestGuard(Collection<String> names) {
        super(true);
        this.names = Stream.concat(LOOPBACK.stream(), names.stream().map(RequestGuard::plain))
                .collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public void invoke(Request request, Response response) throws IOException, ServletException {
        String host = request.getHeader("Host");
        if (host == null || host.isBlank()) {
            refuse(request, response, HttpServletResponse.SC_BAD_REQUEST, "a Host header is expected");
        } else if (!isOurs(host, request.getLocalAddr())) {
            refuse(
                    request,
                    response,
                    MISDIRECTED,
                    "this service does not go by the name in the Host header; stateferry.hosts sets further names");
        } else if (isChange(request) && isFromElsewhere(request, host)) {
            refuse(
                    request,
                    response,
                    HttpServletResponse.SC_FORBIDDEN,
                    "a web page of another origin may not change anything here");
        } else if (!hasClearLength(request)) {
            refuse(
                    request,
                    response,
                    HttpServletResponse.SC_BAD_REQUEST,
                    "Content-Length must be there once, and a number of bytes");
        } else if (hasBody(request) && !(request.getMethod().equals("POST") && isSmall(request))) {
            refuse(
                    request,
                    response,
                    HttpServletResponse.SC_REQUEST_ENTITY_TOO_LARGE,
                    "no body is expected, but for a POST of at most " + BODY_MAX
                            + " bytes whose Content-Length says so");
        } else if (hasBody(request) && !isJson(request.getContentType())) {
            refuse(
                    request,
                    response,
                    HttpServletResponse.SC_UNSUPPORTED_MEDIA_TYPE,
                    "a body must be JSON, and its Content-Type application/json");
        } else {
            getNext().invoke(request, response);
        }
    }

    private boolean isOurs(String header, String localAddress) {
        int colon;
        try {
            colon = Host.parse(header);
        } catch (IllegalArgumentException e) {
            return false;
        }
        String name = plain(colon < 0 ? header : header.substring(0, colon));
        return names.contains(name) || name.equals(plain(localAddress));
    }

    /** As names are compared: in lower case, without the dot of a full name, an IPv6 address in its brackets. */
    private static String plain(String name) {
        String lower = name.strip().toLowerCase(Locale.ROOT);
        String relative = lower.endsWith(".") ? lower.substring(0, lower.length() - 1) : lower;
        if (relative.equals("0:0:0:0:0:0:0:1")) {
            return "[::1]";
        }
        return relative.indexOf(':') >= 0 && !relative.startsWith("[") ? "[" + relative + "]" : relative;
    }

    private static boolean isChange(Request request) {
        return !SAFE.contains(request.getMethod());
    }

    private static boolean isFromElsewhere(Request request, String host) {
        String site = request.getHeader("Sec-Fetch-Site");
        if (site != null && !site.equals("same-origin") && !site.equals("none")) {
            return true;
        }
        String origin = request.getHeader("Origin");
        return origin != null && !origin.equalsIgnoreCase(request.getScheme() + "://" + host);
    }

    private static boolean isSmall(Request request) {
        return request.getHeader("Transfer-Encoding") == null && request.getContentLengthLong() <= BODY_MAX;
    }

    private static boolean isJson(@Nullable String type) {
        return type != null && type.split(";", 2)[0].strip().equalsIgnoreCase("application/json");
    }

    /** The server comes here although it has refused such a request itself. */
    private static boolean hasClearLength(Request request) {
        try {
            return request.getContentLengthLong() >= -1;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static boolean hasBody(Request request) {
        return request.getContentLengthLong() > 0 || request.getHeader("Transfer-Encoding") != null;
    }

    private static void refuse(Request request, Response response, int status, String reason) throws IOException {
        request.getCoyoteRequest().action(ActionCode.DISABLE_SWALLOW_INPUT, null);
        response.setHeader("Connection", "close");
        response.setStatus(status);
        response.setContentType("text/plain;charset=UTF-8");
        response.getOutputStream().write((reason + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
