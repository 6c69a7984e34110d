from django.contrib.admin import AdminSite


class GatehouseAdminSite(AdminSite):
    site_header = "Gatehouse"
