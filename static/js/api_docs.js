"use strict";

const place = document.getElementById("api-docs");
const page = document.documentElement;

const followTheme = () => page.classList.toggle("dark-mode", page.dataset.bsTheme === "dark");
document.addEventListener("themechange", followTheme);
followTheme();

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.schema,
  deepLinking: true,
  defaultModelsExpandDepth: -1,
  displayRequestDuration: true,
  requestInterceptor: (request) => {
    // Only a call by browser session needs it, and only our own site may have it.
    if (new URL(request.url, location.href).origin === location.origin) {
      request.headers["X-CSRFToken"] = place.dataset.csrf;
    }
    return request;
  },
});
